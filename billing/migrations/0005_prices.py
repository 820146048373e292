"""Price lists and the groups of customers. A list is a version: the database refuses to change one."""

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

POSTGRESQL = (
    """
    CREATE FUNCTION billing_pricelist_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a price list cannot be changed' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    "CREATE TRIGGER price_list_frozen BEFORE UPDATE ON billing_pricelist "
    "FOR EACH ROW EXECUTE FUNCTION billing_pricelist_frozen()",
)
POSTGRESQL_BACK = (
    "DROP TRIGGER price_list_frozen ON billing_pricelist",
    "DROP FUNCTION billing_pricelist_frozen()",
)
SQLITE = (
    "CREATE TRIGGER price_list_frozen BEFORE UPDATE ON billing_pricelist "
    "BEGIN SELECT RAISE(ABORT, 'a price list cannot be changed'); END",
)
SQLITE_BACK = ("DROP TRIGGER price_list_frozen",)


def _run(postgresql, sqlite):
    def run(apps, schema_editor):
        statements = postgresql if schema_editor.connection.vendor == "postgresql" else sqlite
        for statement in statements:
            schema_editor.execute(statement, params=None)

    return run


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("billing", "0004_lots"),
    ]
    operations = [
        migrations.CreateModel(
            name="PriceGroup",
            fields=[
                (
                    "name",
                    models.CharField(
                        max_length=30,
                        primary_key=True,
                        serialize=False,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9][a-z0-9-]*\\Z", "Small letters, digits and hyphens only."
                            )
                        ],
                    ),
                ),
                ("discount_percent", models.DecimalField(decimal_places=2, default=Decimal(0), max_digits=4)),
                ("note", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(discount_percent__gte=0, discount_percent__lt=100),
                        name="price_group_discount",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceMember",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="price_member",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="members", to="billing.pricegroup"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PriceList",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("effective_from", models.DateTimeField(unique=True)),
                ("markup", models.DecimalField(decimal_places=4, max_digits=8)),
                ("step_millicredits", models.PositiveIntegerField(default=1)),
                ("overrides", models.JSONField(default=list)),
                ("reason", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "prices",
                "ordering": ["-effective_from"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(markup__gt=0, markup__lte=Decimal(1000)), name="price_list_markup"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(step_millicredits__gte=1, step_millicredits__lte=1_000_000),
                        name="price_list_step",
                    ),
                ],
            },
        ),
        migrations.RunPython(_run(POSTGRESQL, SQLITE), _run(POSTGRESQL_BACK, SQLITE_BACK)),
    ]
