"""Credits for new customers, once their address is verified (R-SEC4)."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from billing import ledger
from billing.amounts import parse_credits


def welcome(user: User) -> None:
    """Open the wallet and grant `WELCOME_CREDITS`, once per user however many addresses they verify."""
    ledger.open_wallet(user)
    if amount := parse_credits(settings.WELCOME_CREDITS):
        ledger.grant(user, amount, reason=f"welcome:{user.pk}", note="Welcome")


class AccountAdapter(DefaultAccountAdapter):
    """Where allauth says that an address has been verified."""

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        with transaction.atomic():
            confirmed = super().confirm_email(request, email_address)
            if confirmed:
                welcome(email_address.user)
        return confirmed
