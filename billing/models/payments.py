"""Payments and what Stripe says about them. Money is in minor units (cents)."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from billing.models.ledger import Entry
from billing.models.offers import CreditPack, CreditPlan


class StripeCustomer(models.Model):
    """A user as Stripe knows them, and the card that is saved there; we see no more of it than this."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="stripe_customer"
    )
    customer_id = models.CharField(max_length=255, unique=True)
    payment_method = models.CharField(max_length=255, blank=True)
    card = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return self.customer_id


class Subscription(models.Model):
    """A customer's plan, with what was agreed when it began. `version` counts the times it was brought up to date."""

    class State(models.TextChoices):
        OPEN = "open", "not paid yet"
        ACTIVE = "active"
        PAST_DUE = "past_due", "payment failed"
        ENDED = "ended"

    LIVE = (State.ACTIVE, State.PAST_DUE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(CreditPlan, on_delete=models.PROTECT, related_name="subscriptions")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    credits_millicredits = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    rollover = models.BooleanField()
    session_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    subscription_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    url = models.TextField(blank=True)
    period_ends_at = models.DateTimeField(null=True, blank=True)
    cancels_at = models.DateTimeField(null=True, blank=True)
    # When its checkout ends.
    ends_at = models.DateTimeField()
    check_at = models.DateTimeField(null=True, blank=True, db_index=True)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["user", "-created_at"], name="subscription_of_user")]

    def __str__(self) -> str:
        return f"{self.plan} of {self.user}"


class Payment(models.Model):
    """Credits for money: one checkout, recharge or invoice. Written before Stripe is called.

    The credits are what was agreed here, never what an event says. `paid_minor` is what the customer paid in all, with
    `tax_minor` and after `discount_minor`; `refunded_minor` and `lost_minor` (in disputes) are parts of it.
    """

    class Kind(models.TextChoices):
        PACK = "pack"
        CUSTOM = "custom", "custom amount"
        RECHARGE = "recharge", "auto-recharge"
        SUBSCRIPTION = "plan", "monthly plan"

    class State(models.TextChoices):
        OPEN = "open", "not paid yet"
        PENDING = "pending", "payment on its way"
        PAID = "paid"
        FAILED = "failed"
        EXPIRED = "expired"
        REFUNDED = "refunded"
        DISPUTED = "disputed"
        LOST = "lost", "lost in a dispute"
        MISMATCH = "mismatch", "does not fit, not credited"

    UNFINISHED = (State.OPEN, State.PENDING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payments")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    label = models.CharField(max_length=100)
    pack = models.ForeignKey(CreditPack, null=True, blank=True, on_delete=models.SET_NULL, related_name="payments")
    subscription = models.ForeignKey(
        Subscription, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )
    credits_millicredits = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    lasts_days = models.PositiveIntegerField(null=True, blank=True)
    save_card = models.BooleanField(default=False)
    session_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    payment_intent = models.CharField(max_length=255, null=True, blank=True, unique=True)
    invoice_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    url = models.TextField(blank=True)
    receipt_url = models.TextField(blank=True)
    invoice_url = models.TextField(blank=True)
    method = models.CharField(max_length=60, blank=True)
    failure = models.CharField(max_length=300, blank=True)
    paid_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    lost_minor = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    paid_at = models.DateTimeField(null=True, blank=True)
    # When its checkout ends: nobody can begin to pay afterwards.
    ends_at = models.DateTimeField()
    # When Stripe is asked next; None: only when it tells us something.
    check_at = models.DateTimeField(null=True, blank=True)
    # How often it was brought up to date: what was read before another reading was booked is not booked.
    version = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at"], name="payment_of_user"),
            models.Index(fields=["check_at"], condition=Q(check_at__isnull=False), name="payment_due"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(credits_millicredits__gt=0, amount_minor__gt=0), name="payment_amounts"),
            models.CheckConstraint(
                condition=Q(paid_minor__gte=0, refunded_minor__gte=0, lost_minor__gte=0), name="payment_floors"
            ),
            # However many processes look: one recharge at a time (R-PAY4).
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(kind="recharge", state__in=["open", "pending"]),
                name="payment_one_recharge",
            ),
        ]

    def __str__(self) -> str:
        return f"payment {self.pk}"

    @property
    def key(self) -> str:
        """What the ledger knows it by."""
        return f"stripe:{self.pk}"


class PaymentEntry(models.Model):
    """An entry that a payment made: the credits that came, were taken back, or came again."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="entries")
    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, related_name="payment_entry")

    def __str__(self) -> str:
        return str(self.entry)


class PaymentRefund(models.Model):
    """Money that goes back: asked for by an operator here (then `author` is set), or in Stripe's dashboard.

    `key` is what it was asked for with, so that asking again gives nothing more.
    """

    class State(models.TextChoices):
        ASKED = "asked", "not sent yet"
        PENDING = "pending", "on its way"
        DONE = "done"
        FAILED = "failed"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    key = models.CharField(max_length=120, null=True, blank=True, unique=True)
    refund_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    amount_minor = models.BigIntegerField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.ASKED)
    reason = models.CharField(max_length=300, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    failure = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_refund_floor")]

    def __str__(self) -> str:
        return self.refund_id or f"refund {self.pk}"


class PaymentDispute(models.Model):
    """A payment that the customer's bank questions. While it is open its credits are set aside (R-PAY7)."""

    class State(models.TextChoices):
        INQUIRY = "inquiry"
        OPEN = "open"
        WON = "won", "won or withdrawn"
        LOST = "lost"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    dispute_id = models.CharField(max_length=255, unique=True)
    amount_minor = models.BigIntegerField()
    state = models.CharField(max_length=7, choices=State.choices)
    reason = models.CharField(max_length=100, blank=True)
    # Set aside once: what is bought later is not touched.
    frozen_at = models.DateTimeField(null=True, blank=True)
    # What was held by jobs then and is set aside as far as it comes back.
    short_millicredits = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.dispute_id


class AutoRecharge(models.Model):
    """A customer's wish to have credits bought by themselves, off unless asked for (R-PAY4).

    `stopped` says why it waits for the customer; `retry_at` when it is tried again after a decline.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="auto_recharge"
    )
    enabled = models.BooleanField(default=False)
    threshold_millicredits = models.BigIntegerField()
    target_millicredits = models.BigIntegerField()
    monthly_limit_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    failures = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    stopped = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(threshold_millicredits__gte=0, target_millicredits__gt=models.F("threshold_millicredits")),
                name="auto_recharge_target",
            ),
            models.CheckConstraint(condition=Q(monthly_limit_minor__gt=0), name="auto_recharge_limit"),
        ]

    def __str__(self) -> str:
        return f"auto-recharge of {self.user}"


class StripeEvent(models.Model):
    """Everything that arrives at the webhook, and what became of it.

    `event_id` is null for what was not signed by Stripe: such an id proves nothing.
    """

    class Outcome(models.TextChoices):
        RECEIVED = "received", "not applied yet"
        APPLIED = "applied"
        IGNORED = "ignored", "unknown type"
        FOREIGN = "foreign", "not about us"
        REFUSED = "refused", "does not fit our records"
        FAILED = "failed", "failed, will be tried again"
        BAD_SIGNATURE = "badsign", "bad signature"
        OLD = "old", "old timestamp"
        TOO_LARGE = "large", "too large"

    UNSIGNED = (Outcome.BAD_SIGNATURE, Outcome.OLD, Outcome.TOO_LARGE)

    event_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    type = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=255, blank=True, db_index=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.RECEIVED)
    detail = models.CharField(max_length=500, blank=True)
    body = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True, blank=True)
    # When it is tried again; None: it is over.
    next_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["outcome", "-received_at"], name="stripe_event_outcome"),
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="stripe_event_due"),
        ]

    def __str__(self) -> str:
        return self.event_id or f"{self.get_outcome_display()} {self.pk}"
