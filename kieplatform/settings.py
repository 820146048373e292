"""Django's settings: composition only. What can be set from outside is read through `kieplatform.env`."""

from decimal import Decimal
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from kieplatform.env import BASE_DIR, DATA_DIR, database, env, secret_key

DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = secret_key()
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", urlsplit(PUBLIC_URL).hostname])
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# The platform: KIE

KIE_API_KEY = env.str("KIE_API_KEY", default="sim-key")
KIE_BASE_URL = env.str("KIE_BASE_URL", default="http://127.0.0.1:8011").rstrip("/")
KIE_UPLOAD_URL = env.str("KIE_UPLOAD_URL", default="http://127.0.0.1:8012").rstrip("/")
KIE_WEBHOOK_HMAC_KEY = env.str("KIE_WEBHOOK_HMAC_KEY", default="")
KIE_CALLBACKS = env.bool("KIE_CALLBACKS", default=True)
KIE_TIMEOUT_SECONDS = env.float("KIE_TIMEOUT_SECONDS", default=30.0)
# KIE accepts 20 creates per 10 seconds and account; half a second of margin for requests on their way.
KIE_CREATE_LIMIT = env.int("KIE_CREATE_LIMIT", default=20)
KIE_CREATE_WINDOW_SECONDS = env.float("KIE_CREATE_WINDOW_SECONDS", default=10.5)

# KIE answers one request about its catalogue per second and account (protocol 3).
CATALOGUE_SYNC_SECONDS = env.float("CATALOGUE_SYNC_SECONDS", default=1.1)
# How soon every process sells by what an operator accepted.
CATALOGUE_RELOAD_SECONDS = env.float("CATALOGUE_RELOAD_SECONDS", default=3.0)

# The platform: generations

DEADLINE_SECONDS = {"image": 600, "video": 1800, "music": 1200, "speech": 600, "audio": 600, "text": 300}
DEADLINE_SECONDS["chat"] = 900
DEADLINE_SECONDS |= {kind: int(seconds) for kind, seconds in env.dict("DEADLINE_SECONDS", default={}).items()}
POLL_FIRST_SECONDS = env.float("POLL_FIRST_SECONDS", default=3.0)
POLL_MAX_SECONDS = env.float("POLL_MAX_SECONDS", default=30.0)
LEASE_SECONDS = env.int("LEASE_SECONDS", default=60)
LATE_WATCH_SECONDS = env.int("LATE_WATCH_SECONDS", default=24 * 3600)
DOWNLOAD_ALLOW_HOSTS = env.list("DOWNLOAD_ALLOW_HOSTS", default=[])
DOWNLOAD_MAX_BYTES = env.int("DOWNLOAD_MAX_BYTES", default=2 * 1024**3)
DOWNLOAD_MAX_SECONDS = env.float("DOWNLOAD_MAX_SECONDS", default=300.0)
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=100 * 1024**2)
UPLOAD_DAILY_BYTES = env.int("UPLOAD_DAILY_BYTES", default=1024**3)
DATA_UPLOAD_MAX_NUMBER_FILES = 20

# The platform: chat. A call ends well before its deadline, so that the sweep only finds those whose process died.

CHAT_MAX_SECONDS = env.float("CHAT_MAX_SECONDS", default=600.0)
CHAT_IDLE_SECONDS = env.float("CHAT_IDLE_SECONDS", default=180.0)
CHAT_MAX_BYTES = env.int("CHAT_MAX_BYTES", default=16 * 1024**2)
CHAT_MAX_REQUEST_BYTES = env.int("CHAT_MAX_REQUEST_BYTES", default=45 * 1024**2)
CHAT_DATABASE_THREADS = env.int("CHAT_DATABASE_THREADS", default=4)
CHAT_FILE_THREADS = env.int("CHAT_FILE_THREADS", default=4)
# Threads for pages and REST API where one process serves everything.
WEB_THREADS = env.int("WEB_THREADS", default=8)

# The platform: money

# Our price for KIE's price until there is a price list.
PRICE_MARKUP = Decimal(env.str("PRICE_MARKUP", default="1.25"))
# How soon every process sells by a price list that takes effect at once.
PRICES_RELOAD_SECONDS = env.float("PRICES_RELOAD_SECONDS", default=3.0)
# What one credit is worth, ours and KIE's, and what customers are shown beside credits.
CREDIT_USD = Decimal(env.str("CREDIT_USD", default="0.005"))
KIE_CREDIT_USD = Decimal("0.005")
CURRENCY = env.str("CURRENCY", default="USD").upper()
CREDIT_PRICE = Decimal(env.str("CREDIT_PRICE", default=str(CREDIT_USD)))
WELCOME_CREDITS = env.str("WELCOME_CREDITS", default="50")
# What an operator gives or takes at once above this waits for a second person.
ADJUSTMENT_LIMIT_CREDITS = env.str("ADJUSTMENT_LIMIT_CREDITS", default="1000")
# The bearer token for /metrics; there is no such page without one.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# How long refunded credits can be used whose lot has expired meanwhile.
REFUND_LASTS_DAYS = env.int("REFUND_LASTS_DAYS", default=30)

# The platform: our account at KIE, in KIE's credits, and alerts

# Below this many available credits a customer is told by e-mail, who may choose another number; 0 tells nobody.
LOW_CREDIT_ALERT_CREDITS = env.str("LOW_CREDIT_ALERT_CREDITS", default="20")
BALANCE_ALERT_CREDITS = env.list("BALANCE_ALERT_CREDITS", default=["50", "10"])
BALANCE_EMPTY_HOURS = env.int("BALANCE_EMPTY_HOURS", default=24)
BALANCE_TOLERANCE_CREDITS = env.str("BALANCE_TOLERANCE_CREDITS", default="1")
BALANCE_TOP_UP_CREDITS = env.str("BALANCE_TOP_UP_CREDITS", default="50")
SENTINEL_DEVIATIONS = env.int("SENTINEL_DEVIATIONS", default=3)
MARGIN_FLOOR_PERCENT = env.int("MARGIN_FLOOR_PERCENT", default=0)
ALERT_WEBHOOK_URL = env.str("ALERT_WEBHOOK_URL", default="")
ALERT_WEBHOOK_SECRET = env.str("ALERT_WEBHOOK_SECRET", default="")
ALERT_WEBHOOK_FORMAT = env.str("ALERT_WEBHOOK_FORMAT", default="")

# The platform: limits and the breaker

# Open generations at once; 0 for any number. A user and a key may have a limit of their own in the admin.
MAX_RUNNING_PER_USER = env.int("MAX_RUNNING_PER_USER", default=100)
MAX_RUNNING_PER_KEY = env.int("MAX_RUNNING_PER_KEY", default=0)
# For how long an identical request of the same user is answered with the first one; 0 for never.
DUPLICATE_WINDOW_SECONDS = env.float("DUPLICATE_WINDOW_SECONDS", default=5.0)
# Spending in an hour, in KIE's credits, above which the breaker opens: the floor, or so many times the usual if that
# is more. A factor of 0 turns this off.
BREAKER_SPEND_FLOOR_CREDITS = env.str("BREAKER_SPEND_FLOOR_CREDITS", default="5000")
BREAKER_SPEND_FACTOR = env.int("BREAKER_SPEND_FACTOR", default=5)
# The share of failures in the last minutes above which it opens: this, or so many times the usual if that is more,
# and only of so many generations at least.
BREAKER_FAILURE_PERCENT = env.int("BREAKER_FAILURE_PERCENT", default=50)
BREAKER_FAILURE_FACTOR = env.int("BREAKER_FAILURE_FACTOR", default=3)
BREAKER_FAILURE_MINUTES = env.int("BREAKER_FAILURE_MINUTES", default=10)
BREAKER_FAILURE_MIN_COUNT = env.int("BREAKER_FAILURE_MIN_COUNT", default=20)
# How long it stays open, and how many submissions then have to end well.
BREAKER_PAUSE_SECONDS = env.int("BREAKER_PAUSE_SECONDS", default=600)
BREAKER_TRIALS = env.int("BREAKER_TRIALS", default=3)

# The platform: payments. Without a key there is the simulator while DEBUG is on, and nothing is sold while it is off.

STRIPE_SIMULATOR_KEY = "sk_test_simulator"
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default=STRIPE_SIMULATOR_KEY if DEBUG else "")
_simulated = STRIPE_SECRET_KEY == STRIPE_SIMULATOR_KEY
# Several while one is being replaced.
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRET", default=["whsec_simulator"] if _simulated else [])
STRIPE_API_BASE = env.str(
    "STRIPE_API_BASE", default="http://127.0.0.1:8013" if _simulated else "https://api.stripe.com"
).rstrip("/")
STRIPE_TIMEOUT_SECONDS = env.float("STRIPE_TIMEOUT_SECONDS", default=15.0)
STRIPE_TAX = env.bool("STRIPE_TAX", default=False)
STRIPE_CHECKOUT_HOSTS = env.list(
    "STRIPE_CHECKOUT_HOSTS", default=["https://checkout.stripe.com", "https://billing.stripe.com"]
)
TOP_UP_MIN_CREDITS = env.str("TOP_UP_MIN_CREDITS", default="1000")
TOP_UP_MAX_CREDITS = env.str("TOP_UP_MAX_CREDITS", default="200000")

# Django

INSTALLED_APPS = [
    "kieplatform",
    "accounts",
    "billing",
    "generation",
    "chat",
    # The admin, with an audit log of all that goes through it.
    "accounts.audit_site.AuditedAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "django_htmx",
    "csp",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "kieplatform.middleware.StorableText",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "kieplatform.urls"
WSGI_APPLICATION = "kieplatform.wsgi.application"
ASGI_APPLICATION = "kieplatform.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "billing.context.wallet",
            ],
            "builtins": ["billing.templatetags.credits"],
        },
    }
]

DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    # Shared by all processes: sign-in limits must not multiply with the number of workers.
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}
    ),
    # Politeness limits of the API only: exact with Redis, per process without.
    "throttle": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "throttle"}
    ),
    # What a process may keep for some seconds without asking again.
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "process"},
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(DATA_DIR / "media"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024**2

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
# A mail server that hangs must not hold up whoever tells the operators.
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("FROM_EMAIL", default="kieplatform <noreply@localhost>")
ADMINS = [(address, address) for address in env.list("ADMINS", default=[])]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # httpx logs each address at INFO, and a callback address carries a secret token.
        "httpx": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
        "django-q": {"level": "WARNING"},
        "fontTools": {"level": "ERROR"},
    },
}

# Safe transport: everything that HTTPS allows is on as soon as the public address is HTTPS.

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # Vendored CSS embeds its icons as data URLs.
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# People

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "models"
ACCOUNT_LOGOUT_REDIRECT_URL = "models"
ACCOUNT_ADAPTER = "billing.welcome.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

# REST API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "accounts.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": ALLAUTH_TRUSTED_PROXY_COUNT or None,
}
# Per user, all keys together, and per key; 0 for no limit. Both may have one of their own in the admin.
API_RATE_PER_MINUTE = env.int("API_RATE_PER_MINUTE", default=600)
API_RATE_PER_KEY_PER_MINUTE = env.int("API_RATE_PER_KEY_PER_MINUTE", default=0)

SPECTACULAR_SETTINGS = {
    "TITLE": "kieplatform API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# The queue. Its tasks only say "look at this row": losing or doubling one changes nothing, so finished ones
# are not kept, and a task whose worker died is handed out again after `retry` seconds.

Q_CLUSTER = {
    "name": "kieplatform",
    "orm": "default",
    "workers": env.int("WORKERS", default=4),
    "timeout": 900,
    "retry": 960,
    "max_attempts": 3,
    "poll": 0.1,
    "bulk": 1,
    "queue_limit": 16,
    "save_limit": -1,
    "recycle": 2000,
    "catch_up": False,
    "ack_failures": True,
    "label": "Queue",
}
