"""What is charged for KIE's prices: versions of the price list, and the groups of customers who pay less."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

LARGEST_MARKUP = Decimal(1000)
LARGEST_STEP_MILLICREDITS = 1_000_000


class PriceGroup(models.Model):
    """Customers who pay less than the others, say resellers."""

    name = models.CharField(
        max_length=30,
        primary_key=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*\Z", "Small letters, digits and hyphens only.")],
    )
    discount_percent = models.DecimalField(max_digits=4, decimal_places=2, default=Decimal(0))
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(discount_percent__gte=0, discount_percent__lt=100), name="price_group_discount"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PriceMember(models.Model):
    """A customer's group. Who has none pays what everyone pays."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="price_member"
    )
    group = models.ForeignKey(PriceGroup, on_delete=models.PROTECT, related_name="members")

    def __str__(self) -> str:
        return f"{self.user} in {self.group_id}"


class PriceList(models.Model):
    """One version of our prices: in effect from an instant until the next one's. The database keeps it unchanged.

    `overrides` are `billing.prices.Line` as JSON. They stand in the row itself, so that a version is read with one
    query and can never be half of one.
    """

    effective_from = models.DateTimeField(unique=True)
    markup = models.DecimalField(max_digits=8, decimal_places=4)
    step_millicredits = models.PositiveIntegerField(default=1)
    overrides = models.JSONField(default=list)
    reason = models.CharField(max_length=300)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "prices"
        ordering = ["-effective_from"]
        constraints = [
            models.CheckConstraint(condition=Q(markup__gt=0, markup__lte=LARGEST_MARKUP), name="price_list_markup"),
            models.CheckConstraint(
                condition=Q(step_millicredits__gte=1, step_millicredits__lte=LARGEST_STEP_MILLICREDITS),
                name="price_list_step",
            ),
        ]

    def __str__(self) -> str:
        return f"price list {self.pk}"
