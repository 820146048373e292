from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_platform_budget")]
    operations = []
