"""What becomes of everybody else when KIE refuses one request."""

from django.utils import timezone
from django_q.tasks import async_task

from billing import alerts
from billing.models import Breaker
from billing.upstream import breaker
from generation.kie.errors import Rejected, Unavailable


def heed(error: Unavailable) -> None:
    """Leave KIE alone if it is not only this request: until our account is in order, or for a while (R-BRK2)."""
    if error.account:
        breaker.pause(str(error))
        async_task("generation.tasks.read_balance")
    elif error.pause_seconds:
        breaker.pause(str(error), cause=Breaker.Cause.BUSY, seconds=error.pause_seconds)
    if error.alert:
        alerts.tell(f"kie:{str(error)[:40]}:{timezone.now():%Y-%m-%dT%H}", f"KIE refuses work: {error}")


def report(model: str, error: Rejected) -> None:
    """Tell operators of a model that KIE refuses altogether, once a day."""
    if error.alert:
        alerts.tell(f"model:{model}:{timezone.now():%Y-%m-%d}", f"KIE refuses {model}: {error}")
