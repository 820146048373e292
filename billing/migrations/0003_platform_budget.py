"""A daily cap for the whole platform is in force from the start; the operator sets their own in the admin."""

from django.db import migrations

DAILY_CAP_KIE_MILLICREDITS = 20_000_000  # 20,000 KIE credits: 100 USD a day


def create(apps, schema_editor):
    Budget = apps.get_model("billing", "Budget")
    Budget.objects.get_or_create(scope="platform", defaults={"daily_cap_millicredits": DAILY_CAP_KIE_MILLICREDITS})


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_triggers")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
