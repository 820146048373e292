"""Lots: which credits came in together, when they expire and what they paid.

What was owed counts against the other buckets from now on. SQLite rebuilds a table whose constraints change and loses
its triggers, so they are taken away before and made again afterwards.
"""

import importlib

import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

entry_triggers = importlib.import_module("billing.migrations.0002_triggers")

POSTGRESQL = (
    """
    CREATE FUNCTION billing_lotchange_apply() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE billing_lot SET remaining = remaining + NEW.amount WHERE id = NEW.lot_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION billing_lotchange_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'changes of lots can be neither changed nor deleted' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    "CREATE TRIGGER lotchange_apply AFTER INSERT ON billing_lotchange FOR EACH ROW EXECUTE FUNCTION billing_lotchange_apply()",
    "CREATE TRIGGER lotchange_frozen BEFORE UPDATE OR DELETE ON billing_lotchange FOR EACH ROW EXECUTE FUNCTION billing_lotchange_frozen()",
)
POSTGRESQL_BACK = (
    "DROP TRIGGER lotchange_frozen ON billing_lotchange",
    "DROP TRIGGER lotchange_apply ON billing_lotchange",
    "DROP FUNCTION billing_lotchange_frozen()",
    "DROP FUNCTION billing_lotchange_apply()",
)
SQLITE = (
    "CREATE TRIGGER lotchange_apply AFTER INSERT ON billing_lotchange BEGIN "
    "UPDATE billing_lot SET remaining = remaining + NEW.amount WHERE id = NEW.lot_id; END",
    "CREATE TRIGGER lotchange_kept BEFORE DELETE ON billing_lotchange "
    "BEGIN SELECT RAISE(ABORT, 'changes of lots can be neither changed nor deleted'); END",
    "CREATE TRIGGER lotchange_frozen BEFORE UPDATE ON billing_lotchange "
    "BEGIN SELECT RAISE(ABORT, 'changes of lots can be neither changed nor deleted'); END",
)
SQLITE_BACK = ("DROP TRIGGER lotchange_frozen", "DROP TRIGGER lotchange_kept", "DROP TRIGGER lotchange_apply")


def run(postgresql, sqlite):
    def execute(apps, schema_editor):
        for statement in postgresql if schema_editor.connection.vendor == "postgresql" else sqlite:
            schema_editor.execute(statement, params=None)

    return execute


# What every wallet had, and all that it had spent, came from one lot that never expires.
HISTORY = (
    """
    INSERT INTO billing_lot (wallet_id, source, amount, remaining, priority, created_at)
    SELECT user_id, 'opening', settled + spent, settled, 20, CURRENT_TIMESTAMP
    FROM (
        SELECT user_id, spent, CASE WHEN available + held > 0 THEN available + held ELSE 0 END AS settled
        FROM billing_wallet
    ) AS wallets WHERE settled + spent > 0
    """,
    "INSERT INTO billing_lotchange (lot_id, amount) SELECT id, amount FROM billing_lot",
    """
    INSERT INTO billing_lotchange (lot_id, entry_id, amount)
    SELECT l.id, e.id, -e.spent FROM billing_entry e JOIN billing_lot l ON l.wallet_id = e.wallet_id WHERE e.spent <> 0
    """,
)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0003_platform_budget"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(run((), entry_triggers.SQLITE_BACK), run((), entry_triggers.SQLITE)),
        migrations.CreateModel(
            name="Lot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("purchase", "Purchase"),
                            ("gift", "Gift"),
                            ("correction", "Correction"),
                            ("refund", "Refund"),
                            ("opening", "opening balance"),
                        ],
                        max_length=10,
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("remaining", models.BigIntegerField(default=0)),
                ("priority", models.SmallIntegerField(default=20)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="LotChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="RecurringGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount_millicredits", models.BigIntegerField()),
                ("lasts_days", models.PositiveIntegerField(blank=True, null=True)),
                ("note", models.CharField(max_length=500)),
                ("starts_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("given", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField(db_index=True, editable=False, null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="entry",
            name="entry_balanced",
        ),
        migrations.RemoveConstraint(
            model_name="entry",
            name="entry_income_shape",
        ),
        migrations.RemoveConstraint(
            model_name="wallet",
            name="wallet_balanced",
        ),
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
                ],
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "outside",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("owed"), "-", models.F("available")
                                    ),
                                    "-",
                                    models.F("held"),
                                ),
                                "-",
                                models.F("spent"),
                            ),
                            "-",
                            models.F("expired"),
                        ),
                    )
                ),
                name="entry_balanced",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "grant"), _negated=True),
                    models.Q(
                        ("available__gt", 0),
                        (
                            "outside",
                            django.db.models.expressions.CombinedExpression(
                                models.F("available"), "*", models.Value(-1)
                            ),
                        ),
                    ),
                    _connector="OR",
                ),
                name="entry_grant_shape",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "top_up"), _negated=True),
                    models.Q(("available__gte", 0), ("held", 0), ("outside__lt", 0), ("owed__lte", 0), ("spent", 0)),
                    _connector="OR",
                ),
                name="entry_income_shape",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "expire"), _negated=True),
                    models.Q(
                        (
                            "available",
                            django.db.models.expressions.CombinedExpression(models.F("expired"), "*", models.Value(-1)),
                        ),
                        ("expired__gt", 0),
                    ),
                    _connector="OR",
                ),
                name="entry_expire_shape",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "freeze"), _negated=True),
                    models.Q(
                        (
                            "available",
                            django.db.models.expressions.CombinedExpression(models.F("held"), "*", models.Value(-1)),
                        ),
                        ("held__gt", 0),
                    ),
                    _connector="OR",
                ),
                name="entry_freeze_shape",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "unfreeze"), _negated=True),
                    models.Q(
                        (
                            "available",
                            django.db.models.expressions.CombinedExpression(models.F("held"), "*", models.Value(-1)),
                        ),
                        ("held__lt", 0),
                    ),
                    _connector="OR",
                ),
                name="entry_unfreeze_shape",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "reversal"), _negated=True),
                    models.Q(("available__lte", 0), ("held", 0), ("outside__gt", 0), ("owed__gte", 0), ("spent", 0)),
                    _connector="OR",
                ),
                name="entry_reversal_shape",
            ),
        ),
        migrations.AddConstraint(
            model_name="wallet",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "outside",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("owed"), "-", models.F("available")
                                    ),
                                    "-",
                                    models.F("held"),
                                ),
                                "-",
                                models.F("spent"),
                            ),
                            "-",
                            models.F("expired"),
                        ),
                    )
                ),
                name="wallet_balanced",
            ),
        ),
        migrations.AddField(
            model_name="lot",
            name="wallet",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="lots", to="billing.wallet"
            ),
        ),
        migrations.AddField(
            model_name="lotchange",
            name="entry",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="lot_changes", to="billing.entry"
            ),
        ),
        migrations.AddField(
            model_name="lotchange",
            name="lot",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="changes", to="billing.lot"
            ),
        ),
        migrations.AddField(
            model_name="recurringgrant",
            name="author",
            field=models.ForeignKey(
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="recurringgrant",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="recurring_grants",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("remaining__gt", 0)),
                fields=["wallet", "expires_at", "priority", "id"],
                name="lot_open",
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False), ("remaining__gt", 0)),
                fields=["expires_at"],
                name="lot_expiring",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="lot_amount_floor"),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(("remaining__gte", 0), ("remaining__lte", models.F("amount"))), name="lot_remaining"
            ),
        ),
        migrations.AddConstraint(
            model_name="lotchange",
            constraint=models.UniqueConstraint(fields=("entry", "lot"), name="lot_change_unique"),
        ),
        migrations.AddConstraint(
            model_name="lotchange",
            constraint=models.CheckConstraint(condition=models.Q(("amount", 0), _negated=True), name="lot_change_some"),
        ),
        migrations.AddConstraint(
            model_name="recurringgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_millicredits__gt", 0)), name="recurring_grant_amount_floor"
            ),
        ),
        migrations.AddConstraint(
            model_name="recurringgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("lasts_days", 0), _negated=True), name="recurring_grant_lasts"
            ),
        ),
        migrations.RunPython(run((), entry_triggers.SQLITE), run((), entry_triggers.SQLITE_BACK)),
        migrations.RunPython(run(HISTORY, HISTORY), migrations.RunPython.noop),
        migrations.RunPython(run(POSTGRESQL, SQLITE), run(POSTGRESQL_BACK, SQLITE_BACK)),
    ]
