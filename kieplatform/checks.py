"""A production start with unsafe defaults is refused: production is every start with DEBUG off."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured

TAG = "production"


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
    if not settings.KIE_WEBHOOK_HMAC_KEY:
        yield Warning("KIE_WEBHOOK_HMAC_KEY is not set.", hint="Make one in KIE's settings.", id="kieplatform.W001")


def _loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost")


def refuse_unsafe_start() -> None:
    """For servers, which run no checks of their own. Raises ImproperlyConfigured."""
    errors = [message for message in run_checks(tags=[TAG]) if message.is_serious()]
    if errors:
        raise ImproperlyConfigured("\n".join(str(error) for error in errors))
