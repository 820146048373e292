"""Packs, plans, payments, Stripe's events, auto-recharge and redeem codes."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("billing", "0006_budgets"),
    ]
    operations = [
        migrations.CreateModel(
            name="RedeemTries",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
                ("tries", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="StripeCustomer",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="stripe_customer",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("customer_id", models.CharField(max_length=255, unique=True)),
                ("payment_method", models.CharField(blank=True, max_length=255)),
                ("card", models.CharField(blank=True, max_length=60)),
            ],
        ),
        migrations.CreateModel(
            name="AutoRecharge",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="auto_recharge",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("enabled", models.BooleanField(default=False)),
                ("threshold_millicredits", models.BigIntegerField()),
                ("target_millicredits", models.BigIntegerField()),
                ("monthly_limit_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("retry_at", models.DateTimeField(blank=True, null=True)),
                ("stopped", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("target_millicredits__gt", models.F("threshold_millicredits")),
                            ("threshold_millicredits__gte", 0),
                        ),
                        name="auto_recharge_target",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("monthly_limit_minor__gt", 0)), name="auto_recharge_limit"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditPack",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60)),
                ("credits_millicredits", models.BigIntegerField()),
                ("price_minor", models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                ("currency", models.CharField(max_length=3)),
                ("position", models.PositiveSmallIntegerField(default=0, help_text="The lowest comes first.")),
                ("active", models.BooleanField(default=True, help_text="Whether it can be bought.")),
                ("bonus_millicredits", models.BigIntegerField(default=0)),
                ("lasts_days", models.PositiveIntegerField(blank=True, null=True)),
            ],
            options={
                "ordering": ["position", "price_minor", "pk"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bonus_millicredits__gte", 0), ("credits_millicredits__gt", 0), ("price_minor__gt", 0)
                        ),
                        name="credit_pack_amounts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lasts_days", 0), _negated=True), name="credit_pack_lasts"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60)),
                ("credits_millicredits", models.BigIntegerField()),
                ("price_minor", models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                ("currency", models.CharField(max_length=3)),
                ("position", models.PositiveSmallIntegerField(default=0, help_text="The lowest comes first.")),
                ("active", models.BooleanField(default=True, help_text="Whether it can be bought.")),
                (
                    "rollover",
                    models.BooleanField(default=False, help_text="Whether what is left over can be used later."),
                ),
            ],
            options={
                "ordering": ["position", "price_minor", "pk"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("credits_millicredits__gt", 0), ("price_minor__gt", 0)),
                        name="credit_plan_amounts",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("pack", "Pack"),
                            ("custom", "custom amount"),
                            ("recharge", "auto-recharge"),
                            ("plan", "monthly plan"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "not paid yet"),
                            ("pending", "payment on its way"),
                            ("paid", "Paid"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                            ("refunded", "Refunded"),
                            ("disputed", "Disputed"),
                            ("lost", "lost in a dispute"),
                            ("mismatch", "does not fit, not credited"),
                        ],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("label", models.CharField(max_length=100)),
                ("credits_millicredits", models.BigIntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("lasts_days", models.PositiveIntegerField(blank=True, null=True)),
                ("save_card", models.BooleanField(default=False)),
                ("session_id", models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ("payment_intent", models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ("invoice_id", models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ("url", models.TextField(blank=True)),
                ("receipt_url", models.TextField(blank=True)),
                ("invoice_url", models.TextField(blank=True)),
                ("method", models.CharField(blank=True, max_length=60)),
                ("failure", models.CharField(blank=True, max_length=300)),
                ("paid_minor", models.BigIntegerField(default=0)),
                ("tax_minor", models.BigIntegerField(default=0)),
                ("discount_minor", models.BigIntegerField(default=0)),
                ("refunded_minor", models.BigIntegerField(default=0)),
                ("lost_minor", models.BigIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("paid_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField()),
                ("check_at", models.DateTimeField(blank=True, null=True)),
                ("version", models.PositiveIntegerField(default=0)),
                (
                    "pack",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="payments",
                        to="billing.creditpack",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PaymentDispute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("dispute_id", models.CharField(max_length=255, unique=True)),
                ("amount_minor", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("inquiry", "Inquiry"),
                            ("open", "Open"),
                            ("won", "won or withdrawn"),
                            ("lost", "Lost"),
                        ],
                        max_length=7,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=100)),
                ("frozen_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="disputes", to="billing.payment"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PaymentEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="payment_entry", to="billing.entry"
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="billing.payment"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RedeemBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("note", models.CharField(help_text="Customers see it in their statement.", max_length=200)),
                ("credits_millicredits", models.BigIntegerField()),
                ("uses_per_code", models.PositiveIntegerField(blank=True, default=1, null=True)),
                ("uses_per_user", models.PositiveIntegerField(blank=True, default=1, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("lasts_days", models.PositiveIntegerField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "author",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "batch of redeem codes",
                "verbose_name_plural": "redeem codes",
            },
        ),
        migrations.CreateModel(
            name="RedeemCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("hint", models.CharField(max_length=4)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="codes", to="billing.redeembatch"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Redemption",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("use", models.PositiveIntegerField()),
                ("number", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to="billing.redeembatch",
                    ),
                ),
                (
                    "code",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="redemptions", to="billing.redeemcode"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StripeEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ("type", models.CharField(blank=True, max_length=100)),
                ("object_id", models.CharField(blank=True, db_index=True, max_length=255)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("received", "not applied yet"),
                            ("applied", "Applied"),
                            ("ignored", "unknown type"),
                            ("foreign", "not about us"),
                            ("refused", "does not fit our records"),
                            ("failed", "failed, will be tried again"),
                            ("badsign", "bad signature"),
                            ("old", "old timestamp"),
                            ("large", "too large"),
                        ],
                        default="received",
                        max_length=8,
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=500)),
                ("body", models.TextField(blank=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["outcome", "-received_at"], name="stripe_event_outcome"),
                    models.Index(
                        condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="stripe_event_due"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "not paid yet"),
                            ("active", "Active"),
                            ("past_due", "payment failed"),
                            ("ended", "Ended"),
                        ],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("credits_millicredits", models.BigIntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("rollover", models.BooleanField()),
                ("session_id", models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ("subscription_id", models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ("url", models.TextField(blank=True)),
                ("period_ends_at", models.DateTimeField(blank=True, null=True)),
                ("cancels_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField()),
                ("check_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("version", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="billing.creditplan",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="payment",
            name="subscription",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payments",
                to="billing.subscription",
            ),
        ),
        migrations.CreateModel(
            name="PaymentRefund",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("refund_id", models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ("amount_minor", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "not sent yet"),
                            ("pending", "on its way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="asked",
                        max_length=7,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("failure", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="refunds", to="billing.payment"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="payment_refund_floor")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="redeembatch",
            constraint=models.CheckConstraint(
                condition=models.Q(("credits_millicredits__gt", 0)), name="redeem_batch_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="redeembatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("uses_per_code", 0), _negated=True),
                    models.Q(("uses_per_user", 0), _negated=True),
                    models.Q(("lasts_days", 0), _negated=True),
                ),
                name="redeem_batch_limits",
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.UniqueConstraint(fields=("code", "use"), name="redemption_use"),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.UniqueConstraint(fields=("batch", "user", "number"), name="redemption_number"),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["user", "-created_at"], name="subscription_of_user"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(fields=["user", "-created_at"], name="payment_of_user"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("check_at__isnull", False)), fields=["check_at"], name="payment_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0), ("credits_millicredits__gt", 0)), name="payment_amounts"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("lost_minor__gte", 0), ("paid_minor__gte", 0), ("refunded_minor__gte", 0)),
                name="payment_floors",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "recharge"), ("state__in", ["open", "pending"])),
                fields=("user",),
                name="payment_one_recharge",
            ),
        ),
    ]
