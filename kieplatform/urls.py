from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from generation import webhooks
from kieplatform import health

# Operators sign in where everybody does: the same limits on attempts, later the same second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "kieplatform"

urlpatterns = [
    path("", include("generation.urls")),
    path("", include("billing.urls")),
    path("", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("generation.api_urls")),
    path("kie/", webhooks.bell),
    path("kie/<str:token>/", webhooks.bell, name="bell"),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
