"""The price sentinel: what a success cost against what was expected, model by model (R-PR1, R-PR2).

A cost of 0, or none, is told at once. A model that deviates several times, or that leaves less than the margin floor,
is paused: it is switched off with the reason, until an operator switches it on again.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from billing import alerts, ledger
from billing.amounts import format_credits
from generation.models import CostDeviation, Generation, ModelSwitch

# KIE reports two decimals of a credit, and its prices are rounded here and there.
LEAST_MILLICREDITS = 10
LEAST_PERCENT = 1
# Deviations that are older do not count, and neither do those before a model was switched on again.
MEMORY = timedelta(days=7)
# The margin is that of the last so many successes.
MARGIN_OF = 10
Source = Generation.CostSource


def look(generation: Generation, charged: int) -> None:
    """Judge a success that was just booked. Costs no query when all is well."""
    if generation.cost_source == Source.ESTIMATED:
        _tell_unknown(generation)
    elif not generation.cost_millicredits:
        _tell_zero(generation)
    compared = generation.cost_source == Source.REPORTED and generation.cost_millicredits is not None
    if compared and (deviates(generation) or not _enough(charged, generation.cost_millicredits or 0)):
        _note(generation, charged)


def deviates(generation: Generation) -> bool:
    """Whether the actual cost is another than the expected one or, where that was a bound, above it."""
    expected, actual = generation.cost_estimate_millicredits, generation.cost_millicredits or 0
    allowed = max(LEAST_MILLICREDITS, expected * LEAST_PERCENT // 100)
    return actual - expected > allowed or (generation.price_exact and expected - actual > allowed)


def _enough(charged: int, cost: int) -> bool:
    """Whether the margin is at or above the floor: both sides in money, because the credits are not the same."""
    revenue = charged * settings.CREDIT_USD
    return revenue - cost * settings.KIE_CREDIT_USD >= revenue * settings.MARGIN_FLOOR_PERCENT / 100


def unknown(model: str) -> str:
    """The subject of the alert that KIE names no cost for a model; told once a month."""
    return f"cost-unknown:{model}"


def zero(model: str) -> str:
    """The subject of the alert that KIE names a cost of 0 for a success; told once a day."""
    return f"cost-zero:{model}"


def _tell_unknown(generation: Generation) -> None:
    estimate = format_credits(generation.cost_millicredits or 0)
    message = f"KIE reports no cost for {generation.model}; our estimate of {estimate} KIE credits is booked."
    _tell(unknown(generation.model), message, generation, f"{generation.finished_at:%Y-%m}")


def _tell_zero(generation: Generation) -> None:
    expected = format_credits(generation.cost_estimate_millicredits)
    message = f"KIE reports a cost of 0 for a success of {generation.model}; {expected} KIE credits were expected."
    _tell(zero(generation.model), message, generation, f"{generation.finished_at:%Y-%m-%d}")


def _tell(subject: str, message: str, generation: Generation, period: str) -> None:
    url = reverse("admin:generation_generation_change", args=[generation.pk])
    alerts.about(subject, message, period=period, url=url)


def _note(generation: Generation, charged: int) -> None:
    """Keep what was found, tell of it once a day, and pause the model if it is too much."""
    model, expected, actual = generation.model, generation.cost_estimate_millicredits, generation.cost_millicredits or 0
    amounts = {"expected_millicredits": expected, "actual_millicredits": actual, "charged_millicredits": charged}
    CostDeviation.objects.get_or_create(generation=generation, defaults={"model": model, **amounts})
    message = (
        f"{model} cost {format_credits(actual)} KIE credits where {format_credits(expected)} were expected; "
        f"{format_credits(charged)} of ours were charged."
    )
    _tell(f"cost-deviates:{model}", message, generation, f"{generation.finished_at:%Y-%m-%d}")
    switch = ModelSwitch.objects.filter(model=model).first()
    if switch is None or switch.enabled:
        since = max(timezone.now() - MEMORY, switch.updated_at) if switch else timezone.now() - MEMORY
        if reason := _too_much(model, since):
            pause(model, reason)


def _too_much(model: str, since: datetime) -> str:
    """Why the model must be paused, "" if it need not be."""
    limit = settings.SENTINEL_DEVIATIONS
    found = CostDeviation.objects.filter(model=model, at__gt=since)
    count = sum(deviates(deviation.generation) for deviation in found.select_related("generation")[: limit + MARGIN_OF])
    if count >= limit:
        return f"the actual cost deviated from the expected one {count} times"
    successes = Generation.objects.filter(model=model, state=Generation.State.SUCCEEDED, finished_at__gt=since)
    latest = list(successes.filter(created_at__gt=since - MEMORY).order_by("-finished_at")[:MARGIN_OF])
    charged = sum(receipt.charged for receipt in ledger.receipts([g.about for g in latest]).values())
    if len(latest) < limit or _enough(charged, sum(g.cost_millicredits or 0 for g in latest)):
        return ""
    return f"the margin of the last {len(latest)} is below {settings.MARGIN_FLOOR_PERCENT} %"


def pause(model: str, reason: str) -> None:
    """Take a model off sale; what is queued or runs already runs on. Customers only see that it is not available."""
    reason = f"Price sentinel: {reason}"
    ModelSwitch.objects.update_or_create(model=model, defaults={"enabled": False, "reason": reason[:300]})
    url = reverse("admin:generation_modelswitch_change", args=[model])
    message = f"{model} is paused. {reason}. Look at its price, then switch it on again."
    period = timezone.now().isoformat()  # Every pause is told, also two of one second.
    alerts.about(f"model-paused:{model}", message, period=period, severity=alerts.Severity.CRITICAL, url=url)
