"""Codes that are worth credits."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class RedeemBatch(models.Model):
    """Codes that an operator issued together, all worth the same.

    Above what the author may book alone they cannot be used before someone else approves them: the database accepts
    nobody who approves their own (R-AD1).
    """

    note = models.CharField(max_length=200, help_text="Customers see it in their statement.")
    credits_millicredits = models.BigIntegerField()
    # None: any number.
    uses_per_code = models.PositiveIntegerField(null=True, blank=True, default=1)
    uses_per_user = models.PositiveIntegerField(null=True, blank=True, default=1)
    expires_at = models.DateTimeField(null=True, blank=True)
    # How long the credits can be used; None: for ever.
    lasts_days = models.PositiveIntegerField(null=True, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    needs_approval = models.BooleanField(default=False, editable=False)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    approved_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "batch of redeem codes"
        verbose_name_plural = "redeem codes"
        constraints = [
            models.CheckConstraint(condition=Q(credits_millicredits__gt=0), name="redeem_batch_amount"),
            models.CheckConstraint(
                condition=~Q(uses_per_code=0) & ~Q(uses_per_user=0) & ~Q(lasts_days=0), name="redeem_batch_limits"
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("author")), name="redeem_batch_second_person"
            ),
        ]

    def __str__(self) -> str:
        return self.note

    @property
    def waits(self) -> bool:
        """Whether a second person has to approve it before it can be used."""
        return self.needs_approval and self.approved_by_id is None

    def worth(self, codes: int) -> int | None:
        """The millicredits that so many codes of it give in all; None when nothing limits them."""
        return self.credits_millicredits * codes * self.uses_per_code if self.uses_per_code else None


class RedeemCode(models.Model):
    """A code, kept as a keyed hash (like an API key) with its last characters to recognise it by."""

    batch = models.ForeignKey(RedeemBatch, on_delete=models.CASCADE, related_name="codes")
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=4)

    def __str__(self) -> str:
        return f"…{self.hint}"


class Redemption(models.Model):
    """A use of a code. `use` counts those of the code, `number` the user's of the batch: neither can be taken twice."""

    batch = models.ForeignKey(RedeemBatch, on_delete=models.PROTECT, related_name="redemptions")
    code = models.ForeignKey(RedeemCode, on_delete=models.PROTECT, related_name="redemptions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="redemptions")
    use = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code", "use"], name="redemption_use"),
            models.UniqueConstraint(fields=["batch", "user", "number"], name="redemption_number"),
        ]

    def __str__(self) -> str:
        return f"{self.code} by {self.user}"


class RedeemTries(models.Model):
    """How often somebody has tried a code since when: guessing must not pay."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+")
    since = models.DateTimeField(default=timezone.now)
    tries = models.PositiveIntegerField(default=0)
