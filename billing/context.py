"""Template context that every page needs."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from billing.models import Wallet


def wallet(request: HttpRequest) -> dict[str, Any]:
    """`wallet`: that of the signed-in user, read only if a template asks for it."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {"wallet": SimpleLazyObject(lambda: Wallet.objects.filter(pk=user.pk).first() or Wallet(user=user))}
