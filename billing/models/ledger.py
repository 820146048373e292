"""What customers have. All amounts are integers in millicredits: 1 credit = 1000."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

BUCKETS = ("outside", "available", "held", "spent", "expired", "owed")


class Buckets(models.Model):
    """The places where credits can be; `outside` is minus all that ever came in, so the sum is always zero."""

    outside = models.BigIntegerField(default=0)
    available = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    spent = models.BigIntegerField(default=0)
    expired = models.BigIntegerField(default=0)
    owed = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


BALANCED = Q(outside=-F("available") - F("held") - F("spent") - F("expired") - F("owed"))


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
                condition=~Q(kind__in=["top_up", "grant"]) | Q(available__gt=0, outside=-F("available")),
                name="entry_income_shape",
            ),
        ]

    def __str__(self) -> str:
        return self.key
