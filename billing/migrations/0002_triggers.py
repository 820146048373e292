"""The invariant lives in the database: inserting an entry moves the money, and nothing can change one afterwards."""

from django.db import migrations

BUCKETS = ("outside", "available", "held", "spent", "expired", "owed")
ADD = ", ".join(f"{name} = {name} + NEW.{name}" for name in BUCKETS)

POSTGRESQL = (
    f"""
    CREATE FUNCTION billing_entry_apply() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE billing_wallet SET {ADD} WHERE user_id = NEW.wallet_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'entry % has no wallet', NEW.key USING ERRCODE = 'foreign_key_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION billing_entry_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'entries can be neither changed nor deleted' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    "CREATE TRIGGER entry_apply AFTER INSERT ON billing_entry FOR EACH ROW EXECUTE FUNCTION billing_entry_apply()",
    "CREATE TRIGGER entry_frozen BEFORE UPDATE OR DELETE ON billing_entry FOR EACH ROW EXECUTE FUNCTION billing_entry_frozen()",
)
POSTGRESQL_BACK = (
    "DROP TRIGGER entry_frozen ON billing_entry",
    "DROP TRIGGER entry_apply ON billing_entry",
    "DROP FUNCTION billing_entry_frozen()",
    "DROP FUNCTION billing_entry_apply()",
)
SQLITE = (
    f"CREATE TRIGGER entry_apply AFTER INSERT ON billing_entry BEGIN "
    f"UPDATE billing_wallet SET {ADD} WHERE user_id = NEW.wallet_id; END",
    "CREATE TRIGGER entry_kept BEFORE DELETE ON billing_entry "
    "BEGIN SELECT RAISE(ABORT, 'entries can be neither changed nor deleted'); END",
    "CREATE TRIGGER entry_frozen BEFORE UPDATE ON billing_entry "
    "BEGIN SELECT RAISE(ABORT, 'entries can be neither changed nor deleted'); END",
)
SQLITE_BACK = ("DROP TRIGGER entry_frozen", "DROP TRIGGER entry_kept", "DROP TRIGGER entry_apply")


def _run(postgresql, sqlite):
    def run(apps, schema_editor):
        statements = postgresql if schema_editor.connection.vendor == "postgresql" else sqlite
        for statement in statements:
            schema_editor.execute(statement, params=None)

    return run


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunPython(_run(POSTGRESQL, SQLITE), _run(POSTGRESQL_BACK, SQLITE_BACK))]
