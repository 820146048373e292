"""The proof of the books where they meet the generations; see billing.verify for the form of a check."""

# ruff: noqa: S608 - what is put into the statements are constants of this file.

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from billing.models import Budget
from billing.verify import Check, rows
from generation.models import Asset, Generation

GRACE = timedelta(minutes=5)
_OPEN = "('" + "', '".join(state.value for state in Generation.OPEN) + "')"


@contextmanager
def snapshot() -> Iterator[None]:
    """One consistent, read-only view of the database that makes nobody wait.

    Not `atomic`, which would take SQLite's write lock and let PostgreSQL's statements each see another moment.
    Inside a transaction that is already open, that one is the view.
    """
    if connection.in_atomic_block:
        yield
        return
    postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if postgresql else "BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _about() -> str:
    """SQL for the name under which the ledger knows generation `g`; SQLite keeps a UUID without its dashes."""
    if connection.features.has_native_uuid_field:
        return "'generation:' || CAST(g.id AS text)"
    parts = [f"substr(g.id, {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
    return "'generation:' || " + " || '-' || ".join(parts)


def _at(moment: datetime) -> str | datetime | None:
    return connection.ops.adapt_datetimefield_value(moment)


def open_holds_are_open_generations() -> Iterator[str]:
    """Invariant 3: the holds that are not settled are those of the generations that are not terminal."""
    sql = f"""
        SELECT h.about FROM billing_entry h WHERE h.kind = 'hold'
            AND NOT EXISTS (SELECT 1 FROM billing_entry s WHERE s.about = h.about AND s.kind = 'settle')
        EXCEPT SELECT {_about()} FROM generation_generation g
    """
    for (about,) in rows(sql):
        yield f"{about}: credits are held for a generation that does not exist"
    sql = f"""
        SELECT {_about()}, g.state FROM generation_generation g
        LEFT JOIN billing_entry h ON h.about = {_about()} AND h.kind = 'hold' WHERE h.id IS NULL
    """
    for about, state in rows(sql):
        yield f"{about} is {state} and has no hold"


def terminal_means_settled() -> Iterator[str]:
    """Invariant 5: a generation is terminal if and only if its hold is settled."""
    sql = f"""
        SELECT {_about()}, g.state FROM generation_generation g
        LEFT JOIN billing_entry s ON s.about = {_about()} AND s.kind = 'settle'
        WHERE (g.state IN {_OPEN} AND s.id IS NOT NULL) OR (g.state NOT IN {_OPEN} AND s.id IS NULL)
    """
    for about, state in rows(sql):
        yield f"{about} is {state}, and its hold is {'settled' if state in Generation.OPEN else 'not settled'}"


def charged_means_succeeded() -> Iterator[str]:
    """Invariant 5: charged if and only if it succeeded.

    Nothing is charged, too, where the price was an upper bound and the actual cost turned out to be zero.
    """
    sql = f"""
        SELECT {_about()}, g.state, s.spent FROM generation_generation g
        JOIN billing_entry s ON s.about = {_about()} AND s.kind = 'settle'
        WHERE (g.state <> 'succeeded' AND s.spent <> 0)
            OR (g.state = 'succeeded' AND s.spent = 0 AND (g.price_exact OR COALESCE(g.cost_millicredits, 1) <> 0))
    """
    for about, state, spent in rows(sql):
        yield f"{about} is {state} and was charged {spent}"


def succeeded_have_all_files() -> Iterator[str]:
    """Invariant 6: a succeeded generation has one stored file per result."""
    length = "jsonb_array_length" if connection.vendor == "postgresql" else "json_array_length"
    sql = f"""
        SELECT {_about()}, {length}(g.kie_results), COALESCE(a.files, 0) FROM generation_generation g
        LEFT JOIN (SELECT generation_id, COUNT(*) AS files FROM generation_asset GROUP BY generation_id) a
            ON a.generation_id = g.id
        WHERE g.state = 'succeeded' AND COALESCE(a.files, 0) <> {length}(g.kie_results)
    """
    for about, results, files in rows(sql):
        yield f"{about} has {results} results and {files} files"


def tasks_belong_to_one_generation() -> Iterator[str]:
    """Invariant 8: each of KIE's task ids belongs to one generation; the column gives each at most one."""
    sql = """
        SELECT kie_task_id, COUNT(*) FROM generation_generation
        WHERE kie_task_id IS NOT NULL GROUP BY kie_task_id HAVING COUNT(*) > 1
    """
    for task, count in rows(sql):
        yield f"task {task} belongs to {count} generations"


def budgets_equal_their_generations() -> Iterator[str]:
    """Invariant 9: a budget's use of a local day is the sum over the generations that were counted on it."""
    sql = """
        SELECT day, SUM(used), SUM(cost) FROM (
            SELECT day, used_millicredits AS used, 0 AS cost FROM billing_budgetday WHERE budget_id = %s
            UNION ALL
            SELECT budget_day, 0, COALESCE(cost_millicredits, cost_estimate_millicredits) FROM generation_generation
        ) AS both_sides GROUP BY day HAVING SUM(used) <> SUM(cost)
    """
    for day, used, cost in rows(sql, (Budget.PLATFORM,)):
        yield f"budget {Budget.PLATFORM} on {day}: {used} are counted, its generations add up to {cost}"


def charges_are_within_quotes() -> Iterator[str]:
    """Invariant 10: what was held is the quoted price, and what was charged is not more."""
    sql = f"""
        SELECT {_about()}, g.price_millicredits, h.held, COALESCE(s.spent, 0) FROM generation_generation g
        JOIN billing_entry h ON h.about = {_about()} AND h.kind = 'hold'
        LEFT JOIN billing_entry s ON s.about = {_about()} AND s.kind = 'settle'
        WHERE h.held <> g.price_millicredits OR COALESCE(s.spent, 0) > g.price_millicredits
            OR h.wallet_id <> g.user_id OR g.price_version = ''
    """
    for about, price, held, charged in rows(sql):
        yield f"{about}: the quote is {price}, {held} were held, {charged} charged"


def nothing_is_older_than_its_deadline() -> Iterator[str]:
    """Invariant 11: holds, polls, queued tasks and the sweep are on time, give or take a grace."""
    late = _at(timezone.now() - GRACE)
    overdue = f"SELECT {_about()}, g.state FROM generation_generation g WHERE g.state IN {_OPEN} AND g.deadline < %s"
    for about, state in rows(overdue, (late,)):
        yield f"{about} is {state} past its deadline"
    # A queued row may wait for its turn at KIE until its deadline; any other is looked at when it is due.
    unpolled = f"SELECT {_about()}, g.state FROM generation_generation g WHERE g.state <> 'queued' AND g.check_at < %s"
    for about, state in rows(unpolled, (late,)):
        yield f"{about} is {state} and should have been looked at"
    for pk, since in rows("SELECT id, lock FROM django_q_ormq WHERE lock < %s", (late,)):
        yield f"queue task {pk} waits since {since}"
    for name, at in rows("SELECT name, at FROM generation_heartbeat WHERE name = 'sweep' AND at < %s", (late,)):
        yield f"the {name} is silent since {at}"


def stored_files_exist() -> Iterator[str]:
    """Invariant 6: every file that is named is in our storage.

    Asks the storage file by file, so it is apart from CHECKS: no snapshot should stay open that long. Files are
    written before their rows and never removed, so it needs none.
    """
    last = None
    while True:
        page = Asset.objects.order_by("pk").only("file", "preview", "generation_id")
        assets = list(page.filter(pk__gt=last)[:1000] if last else page[:1000])
        for asset in assets:
            for name in filter(None, (asset.file.name, asset.preview.name)):
                if not default_storage.exists(name):
                    yield f"generation:{asset.generation_id}: the file {name} is missing"
        if not assets:
            return
        last = assets[-1].pk


CHECKS: list[tuple[int, Check]] = [
    (3, open_holds_are_open_generations),
    (5, terminal_means_settled),
    (5, charged_means_succeeded),
    (6, succeeded_have_all_files),
    (8, tasks_belong_to_one_generation),
    (9, budgets_equal_their_generations),
    (10, charges_are_within_quotes),
    (11, nothing_is_older_than_its_deadline),
]
FILE_CHECKS: list[tuple[int, Check]] = [(6, stored_files_exist)]
