from django import template
from django.db.models import QuerySet

from accounts.models import User
from billing.models import Payment
from billing.payments import booking, minor

register = template.Library()


@register.simple_tag
def in_money(amount_minor: int, currency: str) -> str:
    """Minor units of a currency for people: `$25.00`."""
    return minor.written(amount_minor, currency)


@register.simple_tag
def pending_payments(user: User) -> QuerySet[Payment]:
    """What the customer has paid and the bank has not confirmed yet."""
    return booking.pending(user)
