"""What all benchmarks share. Importing it sets up Django, so it is imported before anything of the platform.

How to run one, each takes some minutes:

    .venv/bin/python scripts/with_postgres.py .venv/bin/python benchmarks/ledger.py
    .venv/bin/python scripts/with_postgres.py .venv/bin/python benchmarks/web.py
    .venv/bin/python scripts/with_postgres.py .venv/bin/python benchmarks/polling.py
    .venv/bin/python scripts/with_postgres.py .venv/bin/python benchmarks/chat.py

`with_postgres.py` starts an empty PostgreSQL with default durability (fsync and synchronous_commit on) that ends with
the benchmark. Ours and the limit it is held against take turns, a few seconds each, and the ratio is the median of the
ratios within each turn: other work on the machine slows both sides of a turn, while turns differ a lot. The results
are in docs/benchmarks.md.
"""

import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import ApiKey, User  # noqa: E402
from billing.models import Budget, Wallet  # noqa: E402

REPETITIONS = 5
FUNDS_MILLICREDITS = 10**12


def prepare() -> None:
    """Migrate the empty PostgreSQL of `DATABASE_URL`; any other database is left alone."""
    if connection.vendor != "postgresql":
        sys.exit("Start this through scripts/with_postgres.py.")
    if connection.introspection.table_names():
        sys.exit("The database is not empty. Start this through scripts/with_postgres.py.")
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    Budget.objects.update(daily_cap_millicredits=None)


def people(count: int) -> list[User]:
    """`count` users with a wallet and more credits than they can spend."""
    users = User.objects.bulk_create(
        [User(email=f"user{n}@example.com", password="!") for n in range(count)], batch_size=1000
    )
    Wallet.objects.bulk_create([Wallet(user=user) for user in users], batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_entry (wallet_id, kind, key, about, note, created_at,"
            " outside, available, held, spent, expired, owed)"
            " SELECT user_id, 'top_up', 'benchmark:' || user_id, '', '', now(), -%s, %s, 0, 0, 0, 0"
            " FROM billing_wallet",
            [FUNDS_MILLICREDITS, FUNDS_MILLICREDITS],
        )
        # Each of them came in as one lot.
        cursor.execute(
            "INSERT INTO billing_lot (wallet_id, source, amount, remaining, priority, created_at)"
            " SELECT wallet_id, 'purchase', available, 0, 20, now() FROM billing_entry WHERE kind = 'top_up'"
        )
        cursor.execute(
            "INSERT INTO billing_lotchange (lot_id, entry_id, amount) SELECT l.id, e.id, e.available"
            " FROM billing_lot l JOIN billing_entry e ON e.wallet_id = l.wallet_id WHERE e.kind = 'top_up'"
        )
    return users


def keys(users: Sequence[User]) -> list[str]:
    """One API key for each user."""
    return [ApiKey.issue(user, "benchmark")[1] for user in users]


def vacuum() -> None:
    """What autovacuum would do at some moment in the middle of a measurement."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


@dataclass(frozen=True)
class Run:
    """One measurement: operations per second, and the seconds that each took where that was measured."""

    per_second: float
    latencies: Sequence[float] = ()

    def milliseconds(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interleaved(measurements: dict[str, Callable[[], Run]], repetitions: int = REPETITIONS) -> dict[str, list[Run]]:
    """Run all measurements in turn, several times; gives the runs of each, in the order of the turns."""
    runs: dict[str, list[Run]] = {name: [] for name in measurements}
    for _ in range(repetitions):
        for name, measure in measurements.items():
            runs[name].append(measure())
    for name, found in runs.items():
        print(f"{name}: {', '.join(f'{run.per_second:.0f}' for run in found)} per second")
    return runs


def median(runs: Sequence[Run]) -> Run:
    """The run with the median rate."""
    return sorted(runs, key=lambda run: run.per_second)[len(runs) // 2]


def spread(run: Run) -> str:
    """p50 and p99 in words."""
    return f"p50 {run.milliseconds(0.5):.1f} ms, p99 {run.milliseconds(0.99):.1f} ms" if run.latencies else ""


def ratio(name: str, ours: Sequence[Run], limit: Sequence[Run], target: float) -> str:
    """The line that a benchmark ends with: the median rates, and the median of the ratios within a turn."""
    rates = f"{median(ours).per_second:.0f} of {median(limit).per_second:.0f} per second"
    share = statistics.median(a.per_second / b.per_second for a, b in zip(ours, limit, strict=True))
    return f"{name}: {rates}, ratio: {share:.2f} (target {target})"
