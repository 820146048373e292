"""What customers have and what it costs. All amounts are integers in millicredits: 1 credit = 1000."""

from billing.models.budgets import Budget, BudgetDay
from billing.models.ledger import BALANCED, BUCKETS, Buckets, Entry, Wallet
from billing.models.upstream import Alert, Breaker, UpstreamBalance

__all__ = [
    "BALANCED",
    "BUCKETS",
    "Alert",
    "Breaker",
    "Buckets",
    "Budget",
    "BudgetDay",
    "Entry",
    "UpstreamBalance",
    "Wallet",
]
