"""Alerts that are delivered and acknowledged; KIE's balance as read and as expected; costs, summed; top-ups at KIE."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F

SEVERITIES = [("info", "Info"), ("warning", "Warning"), ("critical", "Critical")]
SOURCES = [
    ("inferred", "inferred, to be confirmed"),
    ("confirmed", "inferred, confirmed"),
    ("entered", "entered by hand"),
]


def person():
    return models.ForeignKey(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


def number():
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def name_subjects(apps, schema_editor):
    apps.get_model("billing", "Alert").objects.filter(subject="").update(subject=F("key"))


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_payments")]
    operations = [
        migrations.AddField("alert", "subject", models.CharField(db_index=True, default="", max_length=200), False),
        migrations.AddField("alert", "threshold", models.CharField(blank=True, max_length=60, default=""), False),
        migrations.AddField("alert", "period", models.CharField(blank=True, max_length=60, default=""), False),
        migrations.AddField(
            "alert", "severity", models.CharField(choices=SEVERITIES, default="warning", max_length=8)
        ),
        migrations.AddField("alert", "url", models.CharField(blank=True, max_length=300, default=""), False),
        migrations.AddField("alert", "acknowledged_by", person()),
        migrations.RunPython(name_subjects, migrations.RunPython.noop),
        migrations.AddIndex(
            "alert",
            models.Index(fields=["raised_at"], condition=models.Q(("acknowledged_at", None)), name="alert_open"),
        ),
        migrations.CreateModel(
            name="AlertDelivery",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("channel", models.CharField(choices=[("email", "e-mail"), ("webhook", "Webhook")], max_length=8)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("next_at", models.DateTimeField(blank=True, default=django.utils.timezone.now, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="billing.alert"
                    ),
                ),
            ],
            options={"verbose_name_plural": "alert deliveries"},
        ),
        migrations.AddIndex(
            "alertdelivery",
            models.Index(
                fields=["next_at"], condition=models.Q(("next_at__isnull", False)), name="alert_delivery_due"
            ),
        ),
        migrations.CreateModel(
            name="AlertAttempt",
            fields=[
                ("id", number()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("error", models.CharField(blank=True, max_length=300)),
                ("milliseconds", models.PositiveIntegerField()),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="log", to="billing.alertdelivery"
                    ),
                ),
            ],
            options={"ordering": ["at", "id"]},
        ),
        migrations.AddField("upstreambalance", "charged_low", models.BigIntegerField(null=True)),
        migrations.AddField("upstreambalance", "charged_high", models.BigIntegerField(null=True)),
        migrations.AddField("upstreambalance", "expected_low", models.BigIntegerField(null=True)),
        migrations.AddField("upstreambalance", "expected_high", models.BigIntegerField(null=True)),
        migrations.AddField("upstreambalance", "trusted", models.BooleanField(db_index=True, default=False)),
        migrations.AddField("upstreambalance", "trusted_by", person()),
        migrations.AddField("upstreambalance", "note", models.CharField(blank=True, max_length=300, default=""), False),
        migrations.CreateModel(
            name="UpstreamCost", fields=[("id", number()), ("millicredits", models.BigIntegerField())]
        ),
        migrations.CreateModel(
            name="UpstreamTopUp",
            fields=[
                ("id", number()),
                ("millicredits", models.BigIntegerField()),
                ("at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("source", models.CharField(choices=SOURCES, max_length=10)),
                ("note", models.CharField(blank=True, max_length=300)),
                ("author", person()),
            ],
            options={
                "verbose_name": "top-up at KIE",
                "verbose_name_plural": "top-ups at KIE",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("millicredits__gte", 0)), name="upstream_top_up_floor"
                    )
                ],
            },
        ),
    ]
