"""Bearer keys. In a module of its own: DRF imports it while it is itself being imported."""

import hmac
from datetime import timedelta

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import given
from accounts.models import ApiKey, User, key_digest

LAST_USED_PRECISION = timedelta(minutes=1)


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer kp_…`; `request.auth` is the ApiKey. One SELECT, and an UPDATE at most once a minute."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _, full = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        parts = full.strip().split("_", 2)
        if len(parts) != 3 or parts[0] != "kp" or not given.storable(full):
            raise AuthenticationFailed("This is not an API key of this platform.", code="invalid_api_key")
        key = ApiKey.objects.select_related("user").filter(prefix=parts[1]).first()
        # The digest is compared even for an unknown prefix, so that timing does not tell which prefixes exist.
        known = hmac.compare_digest(key.digest if key else "", key_digest(full.strip()))
        if not key or not known or not key.user.is_active:
            raise AuthenticationFailed("This API key is not valid.", code="invalid_api_key")
        if not key.usable:
            raise AuthenticationFailed("This API key has expired or was revoked.", code="expired_api_key")
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > LAST_USED_PRECISION:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "kp_…"}
