"""Caps per month, and for models, users and keys; use by day and month; the usual spending; a breaker that tries.

What the platform has used is counted anew from the generations, see generation/0004_limits.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

CAUSES = [
    ("account", "our key or balance at KIE"),
    ("busy", "KIE asks for patience"),
    ("operator", "Operator"),
    ("spend", "spending far above its usual"),
    ("failures", "failures far above their usual"),
]


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_prices")]
    operations = [
        migrations.DeleteModel(name="BudgetDay"),
        migrations.AddField("budget", "monthly_cap_millicredits", models.BigIntegerField(blank=True, null=True)),
        migrations.AddField("budget", "version", models.PositiveIntegerField(default=1, editable=False)),
        migrations.AddField("budget", "counted_from", models.DateTimeField(editable=False, null=True)),
        migrations.AddConstraint(
            "budget",
            models.CheckConstraint(condition=Q(("monthly_cap_millicredits__gte", 0)), name="budget_monthly_cap_floor"),
        ),
        migrations.CreateModel(
            name="BudgetUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("period", models.CharField(max_length=10)),
                ("used_millicredits", models.BigIntegerField(default=0)),
                (
                    "budget",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="uses", to="billing.budget"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("budget", "period"), name="budget_use_unique"),
                    models.CheckConstraint(condition=Q(("used_millicredits__gte", 0)), name="budget_use_floor"),
                ]
            },
        ),
        migrations.CreateModel(
            name="SpendHour",
            fields=[
                ("starts_at", models.DateTimeField(primary_key=True, serialize=False)),
                ("cost_millicredits", models.BigIntegerField()),
                ("succeeded", models.PositiveIntegerField()),
                ("failed", models.PositiveIntegerField()),
            ],
        ),
        migrations.AlterField("breaker", "cause", models.CharField(blank=True, choices=CAUSES, max_length=10)),
        migrations.AddField("breaker", "trying_since", models.DateTimeField(null=True)),
        migrations.AddField("breaker", "trials_left", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("breaker", "closed_at", models.DateTimeField(null=True)),
    ]
