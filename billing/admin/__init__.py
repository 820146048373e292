"""The admin of money: importing this package registers every page of it."""

from billing.admin import alerts, breaker, grants, lots, payments, redeem, sales, wallets  # noqa: F401
