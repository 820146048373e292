"""Limits of a single user or key, instead of those of the settings."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.AddField(model, field, models.PositiveIntegerField(blank=True, null=True))
        for model in ("user", "apikey")
        for field in ("max_running", "requests_per_minute")
    ]
