"""Telling operators, once. The key of an alert names its subject, threshold and period (R-AL1)."""

import logging

from django.core.mail import mail_admins
from django.db import transaction

from billing.models import Alert

logger = logging.getLogger(__name__)


def tell(key: str, message: str) -> bool:
    """Raise an alert unless it was raised before; returns whether it is new. The e-mail follows the commit."""
    _, new = Alert.objects.get_or_create(key=key, defaults={"message": message})
    if new:
        logger.warning("alert %s: %s", key, message)
        transaction.on_commit(lambda: mail_admins(key, message, fail_silently=True))
    return new
