"""The proof of the books where they meet the generations; see billing.verify for the form of a check."""

# ruff: noqa: S608 - what is put into the statements are constants of this file.

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from billing.models import Alert, Budget
from billing.upstream import account, budgets
from billing.verify import Check, rows
from generation import limits
from generation.models import Asset, Generation
from generation.oversight import reconciliation, sentinel

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
    """Invariant 9: what a budget has used in a local day or month is the sum over its generations of that time."""
    for budget in Budget.objects.order_by("scope"):
        costs: Counter[str] = Counter()
        for day, cost in limits.cost_by_day(budget, limits.counted_in(budget)):
            costs.update(dict.fromkeys(budgets.periods_of(day), cost))
        uses = budgets.counted(budget)
        for period in sorted(costs.keys() | uses.keys()):
            if uses.get(period, 0) != costs[period]:
                counted = f"{uses.get(period, 0)} are counted, its generations add up to {costs[period]}"
                yield f"budget {budget.scope} in {period}: {counted}"


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
    """Invariant 11: holds, polls, queued tasks, deliveries and the sweep are on time, give or take a grace."""
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
    for pk, due in rows("SELECT id, next_at FROM billing_alertdelivery WHERE next_at < %s", (late,)):
        yield f"the delivery {pk} of an alert waits since {due}"
    for name, at in rows("SELECT name, at FROM generation_heartbeat WHERE name = 'sweep' AND at < %s", (late,)):
        yield f"the {name} is silent since {at}"


def costs_are_known_or_told() -> Iterator[str]:
    """Invariant 12: a success has a cost that KIE named, or a marked estimate, or 0, of which an alert has told."""
    sql = f"""
        SELECT {_about()}, g.model, g.cost_millicredits, g.cost_source FROM generation_generation g
        WHERE g.state = 'succeeded' AND (g.cost_millicredits IS NULL OR g.cost_source = ''
            OR (g.cost_source = 'estimated' AND NOT EXISTS (SELECT 1 FROM billing_alert a
                WHERE a.subject = '{sentinel.unknown("")}' || g.model AND a.period = {_utc("g.finished_at", 7)}))
            OR (g.cost_source = 'reported' AND g.cost_millicredits = 0 AND NOT EXISTS (SELECT 1 FROM billing_alert a
                WHERE a.subject = '{sentinel.zero("")}' || g.model AND a.period = {_utc("g.finished_at", 10)})))
    """
    for about, model, cost, source in rows(sql):
        known = "unknown" if cost is None else f"{cost} ({source or 'without a source'})"
        yield f"{about} of {model} succeeded, its cost is {known}, and no alert has told of it"


def booked_costs_add_up() -> Iterator[str]:
    """Invariant 13: what KIE has charged by our books is the sum of the costs of all generations."""
    sql = """
        SELECT (SELECT COALESCE(SUM(millicredits), 0) FROM billing_upstreamcost),
            (SELECT COALESCE(SUM(cost_millicredits), 0) FROM generation_generation)
    """
    for booked, costs in rows(sql):
        if booked != costs:
            yield f"{booked} are booked as charged by KIE, the costs of the generations add up to {costs}"


def balance_is_as_expected() -> Iterator[str]:
    """Invariant 13: KIE's balance is as expected within tolerance, or an alert is open."""
    reading = account.drifting()
    subject = reconciliation.drift_subject(reading) if reading else ""
    if reading and not Alert.objects.filter(subject=subject, acknowledged_at=None).exists():
        yield f"KIE's balance is {reading.millicredits}, {reading.drift} off what is expected, and no alert is open"


def _utc(column: str, characters: int) -> str:
    """SQL for the day (10) or month (7) of a moment in UTC, as text."""
    if connection.vendor == "postgresql":
        return f"SUBSTR(to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 1, {characters})"
    return f"SUBSTR({column}, 1, {characters})"


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
    (12, costs_are_known_or_told),
    (13, booked_costs_add_up),
    (13, balance_is_as_expected),
]
FILE_CHECKS: list[tuple[int, Check]] = [(6, stored_files_exist)]
