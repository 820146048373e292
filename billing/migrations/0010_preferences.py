"""What users choose about how they are told of their money."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_operators")]

    operations = [
        migrations.CreateModel(
            name="Preferences",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="preferences",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("time_zone", models.CharField(blank=True, max_length=64)),
                ("low_credit_mail", models.BooleanField(default=True)),
                ("low_credit_millicredits", models.BigIntegerField(blank=True, null=True)),
                ("told_at", models.DateTimeField(editable=False, null=True)),
                ("income_then", models.BigIntegerField(default=0, editable=False)),
            ],
            options={
                "verbose_name_plural": "preferences",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(low_credit_millicredits=None) | Q(low_credit_millicredits__gte=0),
                        name="low_credit_floor",
                    )
                ],
            },
        ),
    ]
