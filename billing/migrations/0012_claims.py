from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0011_refund_key")]

    operations = [
        migrations.AlterField(
            model_name="entry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("top_up", "top-up"),
                    ("grant", "Grant"),
                    ("hold", "Hold"),
                    ("settle", "Settle"),
                    ("refund", "Refund"),
                    ("adjust", "adjustment"),
                    ("expire", "expiry"),
                    ("freeze", "frozen for a dispute"),
                    ("unfreeze", "no longer frozen"),
                    ("reversal", "payment taken back"),
                    ("repay", "owed credits paid"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="paymentdispute",
            name="short_millicredits",
            field=models.BigIntegerField(default=0),
        ),
    ]
