"""A platform with some history, made by the real verbs, and ways to break what the database protects."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection

import billing.verify
import generation.oversight.verify
from accounts.models import User
from billing import ledger
from generation import lifecycle
from generation.models import Asset, Generation

PROMPT = {"prompt": "a fox"}
CHECKED = "billing_entry, billing_wallet, billing_budgetuse, generation_generation"


@pytest.fixture(autouse=True)
def no_sentinel(settings: Any) -> None:
    """What costs less than expected here, over and over, is on purpose and pauses no model."""
    settings.SENTINEL_DEVIATIONS = 1000


def ask(user: User) -> Generation:
    return lifecycle.request(user, "google/nano-banana", PROMPT)


def succeed(generation: Generation) -> Generation:
    """End a generation well, with one result in the storage."""
    results = [{"url": "https://files.example.com/fox.png", "text": "", "details": {}}]
    Generation.objects.filter(pk=generation.pk).update(kie_results=results, kie_task_id=f"task-{generation.pk}")
    name = default_storage.save(f"{generation.pk}.png", ContentFile(b"fox"))
    Asset.objects.create(
        generation=generation, index=0, kind="image", file=name, content_type="image/png", size_bytes=3
    )
    assert lifecycle.finish(generation, Generation.State.SUCCEEDED, "results stored", cost=3_500)
    return generation


@pytest.fixture
def history(alice: User, eve: User, olga: User) -> dict[str, Generation]:
    """One generation of each kind of ending, one that is open, and every kind of entry."""
    made = {name: ask(alice) for name in ("queued", "canceled", "failed")}
    made |= {name: succeed(ask(alice)) for name in ("succeeded", "refunded")}
    lifecycle.cancel(made["canceled"])
    lifecycle.fail(made["failed"], by="olga")
    ledger.refund(made["refunded"].about, 2_000, note="poor", author=olga)
    ledger.grant(eve, 5_000, reason="gift:1", author=olga)
    ledger.adjust(eve, -1_000, reason="adjust:1", note="oops", author=olga)
    return {name: Generation.objects.get(pk=generation.pk) for name, generation in made.items()}


# All checks, and those that ask no storage.
IN_DATABASE = len(billing.verify.CHECKS) + len(generation.oversight.verify.CHECKS)
ALL = IN_DATABASE + len(generation.oversight.verify.FILE_CHECKS)


def verify(*options: str) -> tuple[int, str]:
    """The exit code and the output of the command."""
    output = io.StringIO()
    try:
        call_command("verify_money", *options, stdout=output)
    except SystemExit as stop:
        return int(str(stop.code)), output.getvalue()
    return 0, output.getvalue()


@pytest.fixture
def unguarded(db: Any) -> Iterator[None]:
    """The database without its guards: what a bug or a hand in production might have done before there were any."""
    unguard = _unguard_postgresql if connection.vendor == "postgresql" else _unguard_sqlite
    with connection.cursor() as cursor:
        unguard(cursor.execute, cursor.fetchall)
        yield
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


def _unguard_sqlite(execute: Callable, fetchall: Callable) -> None:
    for name in ("entry_kept", "entry_frozen", "lotchange_kept", "lotchange_frozen"):
        execute(f"DROP TRIGGER {name}")
    execute("PRAGMA ignore_check_constraints = ON")


def _unguard_postgresql(execute: Callable, fetchall: Callable) -> None:
    # Tables whose foreign keys are still to be checked cannot be altered.
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("ALTER TABLE billing_entry DISABLE TRIGGER entry_frozen")
    execute("ALTER TABLE billing_lotchange DISABLE TRIGGER lotchange_frozen")
    tables = [name.strip() for name in CHECKED.split(",")]
    execute("SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype = 'c'")
    for table, name in fetchall():
        if table in tables:
            execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    execute("SET CONSTRAINTS ALL DEFERRED")


def allow_double_task_ids() -> None:
    """Lift the unique constraint; SQLite cannot drop it, but a temporary table without one hides the real one."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("CREATE TEMP TABLE generation_generation AS SELECT * FROM main.generation_generation")
            return
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE generation_generation DROP CONSTRAINT generation_generation_kie_task_id_key")
