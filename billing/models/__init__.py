"""What customers have and what it costs. All amounts are integers in millicredits: 1 credit = 1000."""

from billing.models.budgets import Budget, BudgetUse, SpendHour
from billing.models.grants import RecurringGrant
from billing.models.ledger import BALANCED, BUCKETS, Buckets, Entry, Lot, LotChange, Wallet
from billing.models.offers import CreditPack, CreditPlan
from billing.models.operations import Adjustment, Incident, IncidentItem, IncidentMail, MoneyCheck
from billing.models.payments import (
    AutoRecharge,
    Payment,
    PaymentDispute,
    PaymentEntry,
    PaymentRefund,
    StripeCustomer,
    StripeEvent,
    Subscription,
)
from billing.models.preferences import Preferences
from billing.models.prices import PriceGroup, PriceList, PriceMember
from billing.models.redeem import RedeemBatch, RedeemCode, RedeemTries, Redemption
from billing.models.upstream import (
    Alert,
    AlertAttempt,
    AlertDelivery,
    Breaker,
    UpstreamBalance,
    UpstreamCost,
    UpstreamTopUp,
)

__all__ = [
    "BALANCED",
    "BUCKETS",
    "Adjustment",
    "Alert",
    "AlertAttempt",
    "AlertDelivery",
    "AutoRecharge",
    "Breaker",
    "Buckets",
    "Budget",
    "BudgetUse",
    "CreditPack",
    "CreditPlan",
    "Entry",
    "Incident",
    "IncidentItem",
    "IncidentMail",
    "Lot",
    "LotChange",
    "MoneyCheck",
    "Payment",
    "PaymentDispute",
    "PaymentEntry",
    "PaymentRefund",
    "Preferences",
    "PriceGroup",
    "PriceList",
    "PriceMember",
    "RecurringGrant",
    "RedeemBatch",
    "RedeemCode",
    "RedeemTries",
    "Redemption",
    "SpendHour",
    "StripeCustomer",
    "StripeEvent",
    "Subscription",
    "UpstreamBalance",
    "UpstreamCost",
    "UpstreamTopUp",
    "Wallet",
]
