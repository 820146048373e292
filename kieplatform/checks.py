"""A production start with unsafe defaults is refused: production is every start with DEBUG off."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured

from billing.alert_delivery import slack

TAG = "production"
WHSEC = "Alerts are only sent signed. Take whsec_ and 32 random bytes in base64."


@register(TAG)
def production(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """What would be dangerous, each with its remedy."""
    return [] if settings.DEBUG else list(_dangers())


def _dangers() -> Iterator[CheckMessage]:
    given = {name for name in os.environ if os.environ[name]} | {
        name.removesuffix("_FILE") for name in os.environ if name.endswith("_FILE")
    }
    for name in ("SECRET_KEY", "KIE_API_KEY", "KIE_BASE_URL", "KIE_UPLOAD_URL", "PUBLIC_URL"):
        if name not in given:
            yield Error(f"{name} is not set.", hint=".env.example says what it is.", id=f"kieplatform.{name}")
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        yield Error("SQLite has one writer at a time.", hint="Set DATABASE_URL to a PostgreSQL.", id="kieplatform.E001")
    if not settings.HTTPS:
        yield Error("PUBLIC_URL is not HTTPS.", hint="Keys and sessions would travel readable.", id="kieplatform.E002")
    if settings.DOWNLOAD_ALLOW_HOSTS and not _loopback(settings.KIE_BASE_URL):
        yield Error(
            "DOWNLOAD_ALLOW_HOSTS opens private addresses.", hint="It is for simulators.", id="kieplatform.E003"
        )
    if settings.ALERT_WEBHOOK_URL and not settings.ALERT_WEBHOOK_SECRET and not slack():
        yield Error("ALERT_WEBHOOK_URL is set without ALERT_WEBHOOK_SECRET.", hint=WHSEC, id="kieplatform.E004")
    for name in ("PRICE_MARKUP", "CREDIT_USD", "CREDIT_PRICE"):
        value = getattr(settings, name)
        if not value.is_finite() or value <= 0:
            yield Error(f"{name} is not an amount.", hint="A number above 0, such as 1.25.", id=f"kieplatform.{name}")
    if settings.CURRENCY != "USD" and "CREDIT_PRICE" not in given:
        yield Error("CREDIT_PRICE is not set.", hint=f"One credit in {settings.CURRENCY}.", id="kieplatform.E005")
    if not settings.KIE_WEBHOOK_HMAC_KEY:
        yield Warning("KIE_WEBHOOK_HMAC_KEY is not set.", hint="Make one in KIE's settings.", id="kieplatform.W001")


@register(TAG)
def payments(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """What would lose money or let others make it; asked while debugging too as soon as a key is live."""
    key = settings.STRIPE_SECRET_KEY
    live = key.startswith(("sk_live_", "rk_live_"))
    return list(_payment_dangers(live)) if live or (key and not settings.DEBUG) else []


def _payment_dangers(live: bool) -> Iterator[CheckMessage]:
    if not settings.STRIPE_WEBHOOK_SECRETS:
        hint = "Add the endpoint PUBLIC_URL/stripe/webhook in Stripe's dashboard."
        yield Error("STRIPE_SECRET_KEY is set without STRIPE_WEBHOOK_SECRET.", hint=hint, id="kieplatform.E010")
    if live and settings.STRIPE_API_BASE != "https://api.stripe.com":
        hint = "Leave STRIPE_API_BASE out: a live key belongs to Stripe alone."
        yield Error("A live key would be sent to another server.", hint=hint, id="kieplatform.E011")
    if live and settings.DEBUG:
        yield Error("A live key and DEBUG do not go together.", hint="Turn DEBUG off.", id="kieplatform.E012")
    if not live:
        hint = "Use a live key, or none: then nothing is sold."
        yield Warning("STRIPE_SECRET_KEY is a test key: credits cost nothing.", hint=hint, id="kieplatform.W010")


def _loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost")


def refuse_unsafe_start() -> None:
    """For servers, which run no checks of their own. Raises ImproperlyConfigured."""
    errors = [message for message in run_checks(tags=[TAG]) if message.is_serious()]
    if errors:
        raise ImproperlyConfigured("\n".join(str(error) for error in errors))
