"""Refunds that are asked for once; redeem codes with a second person; what was agreed of gifts that come again."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q


def agree(apps, schema_editor):
    apps.get_model("billing", "RecurringGrant").objects.update(agreed_millicredits=F("amount_millicredits"))


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("billing", "0010_preferences"),
    ]

    operations = [
        migrations.AddField(
            "paymentrefund", "key", models.CharField(blank=True, max_length=120, null=True, unique=True)
        ),
        migrations.AddField("redeembatch", "needs_approval", models.BooleanField(default=False, editable=False)),
        migrations.AddField(
            "redeembatch",
            "approved_by",
            models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField("redeembatch", "approved_at", models.DateTimeField(blank=True, editable=False, null=True)),
        migrations.AddConstraint(
            "redeembatch",
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("author")), name="redeem_batch_second_person"
            ),
        ),
        migrations.AddField("recurringgrant", "agreed_millicredits", models.BigIntegerField(default=0, editable=False)),
        migrations.AddField("recurringgrant", "agreed_at", models.DateTimeField(editable=False, null=True)),
        migrations.RunPython(agree, migrations.RunPython.noop),
    ]
