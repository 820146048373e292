"""What customers have. All amounts are integers in millicredits: 1 credit = 1000."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

BUCKETS = ("outside", "available", "held", "spent", "expired", "owed")


class Buckets(models.Model):
    """The places where credits can be; `outside` is minus all that came in and was not taken back.

    `owed` is what was taken back (a refunded or disputed payment) after it had been spent: a debt, so it counts against
    the others. outside + available + held + spent + expired - owed = 0.
    """

    outside = models.BigIntegerField(default=0)
    available = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    spent = models.BigIntegerField(default=0)
    expired = models.BigIntegerField(default=0)
    owed = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


BALANCED = Q(outside=F("owed") - F("available") - F("held") - F("spent") - F("expired"))


class Wallet(Buckets):
    """The running sum of a user's entries. Only the database's trigger on Entry writes it."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True)
    overdraft_limit = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=BALANCED, name="wallet_balanced"),
            models.CheckConstraint(condition=Q(available__gte=-F("overdraft_limit")), name="wallet_covers"),
            *(
                models.CheckConstraint(condition=Q(**{f"{name}__gte": 0}), name=f"wallet_{name}_floor")
                for name in ("overdraft_limit", "held", "spent", "expired", "owed")
            ),
        ]

    def __str__(self) -> str:
        return f"wallet of {self.user}"


class Entry(Buckets):
    """One movement of credits: the signed change of every bucket. Inserting one is the only way money moves.

    `key` says what the movement is about (`hold:<job>`, `settle:<job>`), is made by us from our own ids and is
    unique, so a movement happens once however often it is asked for (R-LED9).
    """

    class Kind(models.TextChoices):
        TOP_UP = "top_up", "top-up"
        GRANT = "grant"
        HOLD = "hold"
        SETTLE = "settle"
        REFUND = "refund"
        ADJUST = "adjust", "adjustment"
        EXPIRE = "expire", "expiry"
        FREEZE = "freeze", "frozen for a dispute"
        UNFREEZE = "unfreeze", "no longer frozen"
        REVERSAL = "reversal", "payment taken back"
        REPAY = "repay", "owed credits paid"

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    key = models.CharField(max_length=120, unique=True)
    about = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=500, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "entries"
        indexes = [
            models.Index(fields=["wallet", "-created_at", "-id"], name="entry_statement"),
            models.Index(fields=["about"], name="entry_about"),
            models.Index(fields=["created_at"], name="entry_created"),
        ]
        constraints = [
            models.CheckConstraint(condition=BALANCED, name="entry_balanced"),
            models.CheckConstraint(
                condition=~Q(kind="hold") | Q(held__gt=0, available=-F("held")), name="entry_hold_shape"
            ),
            # A settlement never takes more than was held: the difference goes back, never further out (R-PR4).
            models.CheckConstraint(
                condition=~Q(kind="settle") | Q(held__lt=0, available__gte=0, spent__gte=0),
                name="entry_settle_shape",
            ),
            models.CheckConstraint(
                condition=~Q(kind="refund") | Q(spent__lt=0, available=-F("spent")), name="entry_refund_shape"
            ),
            models.CheckConstraint(
                condition=~Q(kind="grant") | Q(available__gt=0, outside=-F("available")), name="entry_grant_shape"
            ),
            # What is owed is paid first, so that nothing may be left of it.
            models.CheckConstraint(
                condition=~Q(kind="top_up") | Q(outside__lt=0, available__gte=0, owed__lte=0, held=0, spent=0),
                name="entry_income_shape",
            ),
            models.CheckConstraint(
                condition=~Q(kind="expire") | Q(expired__gt=0, available=-F("expired")), name="entry_expire_shape"
            ),
            models.CheckConstraint(
                condition=~Q(kind="freeze") | Q(held__gt=0, available=-F("held")), name="entry_freeze_shape"
            ),
            models.CheckConstraint(
                condition=~Q(kind="unfreeze") | Q(held__lt=0, available=-F("held")), name="entry_unfreeze_shape"
            ),
            models.CheckConstraint(
                condition=~Q(kind="reversal") | Q(outside__gt=0, available__lte=0, owed__gte=0, held=0, spent=0),
                name="entry_reversal_shape",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Lot(models.Model):
    """Credits that came in together. Settling uses up lots, soonest expiring first, gifts before purchases on a tie.

    The open lots of a wallet always add up to its available and held credits (to nothing while it is overdrawn).
    `remaining` is the sum of the lot's changes; only the database's trigger on LotChange writes it.
    """

    class Source(models.TextChoices):
        PURCHASE = "purchase"
        GIFT = "gift"
        CORRECTION = "correction"
        REFUND = "refund"
        OPENING = "opening", "opening balance"

    GIFT_PRIORITY, PURCHASE_PRIORITY = 10, 20

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="lots")
    source = models.CharField(max_length=10, choices=Source.choices)
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField(default=0)
    # The lower is used first among those that expire at the same time.
    priority = models.SmallIntegerField(default=PURCHASE_PRIORITY)
    # The first moment at which the lot cannot be used any more.
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(
                fields=["wallet", "expires_at", "priority", "id"], condition=Q(remaining__gt=0), name="lot_open"
            ),
            models.Index(
                fields=["expires_at"], condition=Q(remaining__gt=0, expires_at__isnull=False), name="lot_expiring"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="lot_amount_floor"),
            models.CheckConstraint(condition=Q(remaining__gte=0, remaining__lte=F("amount")), name="lot_remaining"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.pk}"


class LotChange(models.Model):
    """What an entry added to a lot or took from it: which lots paid for a job, where a lot went."""

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="changes")
    # None only for what was there before there were lots.
    entry = models.ForeignKey(Entry, null=True, on_delete=models.PROTECT, related_name="lot_changes")
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "lot"], name="lot_change_unique"),
            models.CheckConstraint(condition=~Q(amount=0), name="lot_change_some"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} by {self.entry}"
