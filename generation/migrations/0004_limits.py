"""Indexes for limits; the day of a budget is worked out from the time of the request, in each budget's own zone."""

from zoneinfo import ZoneInfo

from django.db import migrations, models
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce, TruncDate


def count_platform(apps, schema_editor):
    Budget = apps.get_model("billing", "Budget")
    BudgetUse = apps.get_model("billing", "BudgetUse")
    Generation = apps.get_model("generation", "Generation")
    for budget in Budget.objects.filter(scope="platform"):
        day = TruncDate("created_at", tzinfo=ZoneInfo(budget.time_zone))
        cost = Sum(Coalesce("cost_millicredits", "cost_estimate_millicredits"))
        used = {}
        for day, amount in Generation.objects.annotate(day=day).values_list("day").annotate(cost=cost).order_by("day"):
            for period in (day.isoformat(), day.isoformat()[:7]):
                used[period] = used.get(period, 0) + amount
        BudgetUse.objects.bulk_create(
            [BudgetUse(budget=budget, period=period, used_millicredits=amount) for period, amount in used.items()]
        )


class Migration(migrations.Migration):
    dependencies = [("generation", "0003_the_catalogue_kept_true"), ("billing", "0006_budgets")]
    operations = [
        migrations.RunPython(count_platform, migrations.RunPython.noop),
        migrations.RemoveIndex("generation", "generation_budget_day"),
        migrations.RemoveField("generation", "budget_day"),
        migrations.AddIndex(
            "generation",
            models.Index(fields=["user", "api_key"], condition=Q(("finished_at", None)), name="generation_running"),
        ),
        migrations.AddIndex("generation", models.Index(fields=["created_at"], name="generation_created")),
        migrations.AddIndex(
            "generation",
            models.Index(
                fields=["finished_at"], condition=Q(("finished_at__isnull", False)), name="generation_finished"
            ),
        ),
    ]
