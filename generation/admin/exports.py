"""Generations as CSV, with what the ledger says of each."""

from typing import Any

from accounts import exports
from billing import ledger
from billing.admin.lots import credits, plain
from billing.amounts import format_credits
from generation.models import Generation


def _prepare(page: list[Any]) -> None:
    receipts = ledger.receipts([generation.about for generation in page])
    for generation in page:
        generation.receipt = receipts[generation.about]


def _receipt(name: str) -> exports.Column:
    return name, lambda generation: format_credits(getattr(generation.receipt, name))


def _cost(generation: Generation) -> str | None:
    cost = generation.cost_millicredits
    return None if cost is None else format_credits(cost)


exports.register(
    Generation,
    [
        ("id", lambda generation: generation.pk),
        ("customer", lambda generation: generation.user.email),
        *plain("model", "kind", "state", "error_code"),
        credits("price_millicredits"),
        *(_receipt(name) for name in ("held", "charged", "returned", "refunded")),
        credits("cost_estimate_millicredits"),
        ("cost", _cost),
        ("cost_is", lambda generation: generation.cost_source or "unknown"),
        *plain("created_at", "started_at", "finished_at", "deadline", "kie_task_id"),
    ],
    prepare=_prepare,
)
