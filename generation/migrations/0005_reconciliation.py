"""How a cost is known, which is what KIE charged by our books, and what the price sentinel found."""

from datetime import UTC

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import F, Sum
from django.db.models.functions import TruncMonth

SOURCES = [
    ("reported", "reported by KIE"),
    ("estimated", "our estimate, because KIE gives none"),
    ("free", "nothing was bought, or KIE gave it back"),
    ("entered", "entered by an operator"),
]


def mark(apps, schema_editor):
    """What is known so far: a failure at no cost was free, and a success without one counted with its estimate."""
    generations = apps.get_model("generation", "Generation").objects
    generations.filter(cost_millicredits=0).exclude(state="succeeded").update(cost_source="free")
    generations.filter(cost_millicredits__isnull=False, cost_source="").update(cost_source="reported")
    unknown = generations.filter(cost_millicredits=None, state="succeeded")
    alerts = apps.get_model("billing", "Alert").objects
    for model, month in unknown.values_list("model", TruncMonth("finished_at", tzinfo=UTC)).distinct():
        subject, period = f"cost-unknown:{model}", f"{month:%Y-%m}"
        message = f"KIE reported no cost for {model}; our estimates are booked."
        alerts.get_or_create(
            key=f"{subject}:{period}", defaults={"subject": subject, "period": period, "message": message}
        )
    unknown.update(cost_millicredits=F("cost_estimate_millicredits"), cost_source="estimated")
    total = generations.aggregate(total=Sum("cost_millicredits"))["total"]
    if total:
        apps.get_model("billing", "UpstreamCost").objects.create(millicredits=total)


class Migration(migrations.Migration):
    dependencies = [("generation", "0004_limits"), ("billing", "0008_operations")]
    operations = [
        migrations.AddField(
            "generation", "cost_source", models.CharField(blank=True, choices=SOURCES, default="", max_length=9), False
        ),
        migrations.RunPython(mark, migrations.RunPython.noop),
        migrations.CreateModel(
            name="CostDeviation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("model", models.CharField(max_length=120)),
                ("expected_millicredits", models.BigIntegerField()),
                ("actual_millicredits", models.BigIntegerField()),
                ("charged_millicredits", models.BigIntegerField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "generation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deviation",
                        to="generation.generation",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["model", "at"], name="deviation_of_model")]},
        ),
    ]
