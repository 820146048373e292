"""The audit log, which the database lets nobody change or shorten."""

import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

POSTGRESQL = (
    """
    CREATE FUNCTION accounts_auditrow_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit log can be neither changed nor deleted' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    "CREATE TRIGGER audit_row_frozen BEFORE UPDATE OR DELETE ON accounts_auditrow "
    "FOR EACH ROW EXECUTE FUNCTION accounts_auditrow_frozen()",
)
POSTGRESQL_BACK = (
    "DROP TRIGGER audit_row_frozen ON accounts_auditrow",
    "DROP FUNCTION accounts_auditrow_frozen()",
)
SQLITE = (
    "CREATE TRIGGER audit_row_kept BEFORE DELETE ON accounts_auditrow "
    "BEGIN SELECT RAISE(ABORT, 'the audit log can be neither changed nor deleted'); END",
    "CREATE TRIGGER audit_row_frozen BEFORE UPDATE ON accounts_auditrow "
    "BEGIN SELECT RAISE(ABORT, 'the audit log can be neither changed nor deleted'); END",
)
SQLITE_BACK = ("DROP TRIGGER audit_row_frozen", "DROP TRIGGER audit_row_kept")
OUTCOMES = [("done", "Done"), ("unchanged", "changed nothing"), ("refused", "Refused"), ("failed", "Failed")]


def _run(postgresql, sqlite):
    def run(apps, schema_editor):
        statements = postgresql if schema_editor.connection.vendor == "postgresql" else sqlite
        for statement in statements:
            schema_editor.execute(statement, params=None)

    return run


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_limits")]
    operations = [
        migrations.CreateModel(
            name="AuditRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("by", models.CharField(max_length=254)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("action", models.CharField(max_length=60)),
                ("outcome", models.CharField(choices=OUTCOMES, max_length=9)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("subject", models.CharField(blank=True, max_length=100)),
                ("object_id", models.CharField(blank=True, max_length=200)),
                ("object_repr", models.CharField(blank=True, max_length=200)),
                ("message", models.TextField(blank=True)),
                (
                    "changes",
                    models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder),
                ),
                ("path", models.CharField(blank=True, max_length=500)),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "audit log entry",
                "verbose_name_plural": "audit log entries",
                "indexes": [models.Index(fields=["subject", "object_id", "at"], name="audit_of_object")],
            },
        ),
        migrations.RunPython(_run(POSTGRESQL, SQLITE), _run(POSTGRESQL_BACK, SQLITE_BACK)),
    ]
