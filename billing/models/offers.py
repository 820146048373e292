"""Credits that are sold: packs and plans. Prices are in minor units (cents)."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q


class Offer(models.Model):
    """Credits at a fixed price."""

    name = models.CharField(max_length=60)
    credits_millicredits = models.BigIntegerField()
    price_minor = models.BigIntegerField(validators=[MinValueValidator(1)])
    currency = models.CharField(max_length=3)
    position = models.PositiveSmallIntegerField(default=0, help_text="The lowest comes first.")
    active = models.BooleanField(default=True, help_text="Whether it can be bought.")

    class Meta:
        abstract = True
        ordering = ["position", "price_minor", "pk"]

    def __str__(self) -> str:
        return self.name


class CreditPack(Offer):
    """Credits that are bought once."""

    bonus_millicredits = models.BigIntegerField(default=0)
    # How long they can be used; None: for ever.
    lasts_days = models.PositiveIntegerField(null=True, blank=True)

    class Meta(Offer.Meta):
        abstract = False
        constraints = [
            models.CheckConstraint(
                condition=Q(credits_millicredits__gt=0, bonus_millicredits__gte=0, price_minor__gt=0),
                name="credit_pack_amounts",
            ),
            models.CheckConstraint(condition=~Q(lasts_days=0), name="credit_pack_lasts"),
        ]

    @property
    def total_millicredits(self) -> int:
        return self.credits_millicredits + self.bonus_millicredits


class CreditPlan(Offer):
    """Credits that come every month. Without `rollover` a month's credits end with the month that was paid."""

    rollover = models.BooleanField(default=False, help_text="Whether what is left over can be used later.")

    class Meta(Offer.Meta):
        abstract = False
        constraints = [
            models.CheckConstraint(
                condition=Q(credits_millicredits__gt=0, price_minor__gt=0), name="credit_plan_amounts"
            ),
        ]
