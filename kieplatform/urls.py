from allauth.account.decorators import secure_admin_login
from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from generation import webhooks
from generation.oversight import metrics
from kieplatform import health

# Operators sign in where everybody does: the same limits on attempts, later the same second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "kieplatform"

# Swagger's interface styles its elements inline; its scripts come from files like everyone's.
api_docs = csp_update({"style-src": [SELF, UNSAFE_INLINE]})(SpectacularSwaggerSplitView.as_view(url_name="schema"))

urlpatterns = [
    path("", include("generation.pages.urls")),
    path("", include("billing.pages.urls")),
    path("", include("billing.payments.urls")),
    path("", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("generation.api.urls")),
    path("api/docs/", api_docs, name="api-docs"),
    path("", include("chat.api_urls")),
    path("chat/", include("chat.page_urls")),
    path("kie/", webhooks.bell),
    path("kie/<slug:token>/", webhooks.bell, name="bell"),
    path("admin/money/", include("generation.admin.dashboard")),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("img/logo.svg"))),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics, name="metrics"),
]
