"""Hold and settle through `billing.ledger`, against pgbench with the SQL that the ledger sends.

    .venv/bin/python scripts/with_postgres.py .venv/bin/python benchmarks/ledger.py [--seconds 2]

One operation is a hold and its settlement: two statements, two commits. Ours is two processes of threads; pgbench has
as many clients as they have connections together, and speaks the simple protocol as Django's cursors do.
"""

import argparse
import multiprocessing
import os
import random
import re
import subprocess
import tempfile
import threading
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import common
from common import Run
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import ledger

PROCESSES = 2
WALLETS = 10_000
HELD, CHARGED = 5_000, 4_000
TARGET = 0.5
START_SECONDS = 0.5
# Stands in for a wallet and for a job in the SQL that is captured, to be found there again.
WALLET_MARK = 987_654_321
JOB_MARK = "generation:00000000-0000-0000-0000-marked"


def operate(wallet: int) -> None:
    about = f"generation:{uuid.uuid4()}"
    ledger.hold(wallet, HELD, about=about)
    ledger.settle(about, CHARGED)


# Ours


def call(wallets: range, starts: float, seconds: float, done: list[int]) -> None:
    """One caller: operate on random wallets from `starts` on, and append how often it did."""
    connection.ensure_connection()
    pooled = "pool" in settings.DATABASES["default"]["OPTIONS"]
    count = 0
    time.sleep(max(0.0, starts - time.time()))
    while time.time() < starts + seconds:
        operate(random.choice(wallets))
        count += 1
        if pooled:
            # As at the end of a request: the connection goes back to the pool.
            connection.close()
    connection.close()
    done.append(count)


def process(wallets: range, threads: int, starts: float, seconds: float) -> int:
    """The callers of one process; returns how many operations they did."""
    done: list[int] = []
    callers = [threading.Thread(target=call, args=(wallets, starts, seconds, done)) for _ in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    if len(done) < threads:
        raise RuntimeError("a caller failed")
    return sum(done)


def ours(pool: ProcessPoolExecutor, wallets: range, callers: int, seconds: float) -> Run:
    starts = time.time() + START_SECONDS
    running = [pool.submit(process, wallets, callers // PROCESSES, starts, seconds) for _ in range(PROCESSES)]
    return Run(sum(each.result() for each in running) / seconds)


# The limit


def statements() -> str:
    """The very statements that one operation sends, captured from it, with pgbench's variables in them."""
    user = common.User.objects.create(pk=WALLET_MARK, email="captured@example.com")
    ledger.top_up(user, HELD, payment="benchmark:captured")
    with CaptureQueriesContext(connection) as sent:
        ledger.hold(WALLET_MARK, HELD, about=JOB_MARK)
        settled = ledger.settle(JOB_MARK, CHARGED)
    sql = "".join(re.sub(r"\s+", " ", query["sql"]) + ";\n" for query in sent)
    # The lots that pay are written for the entry that was inserted just before.
    latest = "currval(pg_get_serial_sequence('billing_entry', 'id'))"
    sql = sql.replace(f"SELECT {settled.pk}, id", f"SELECT {latest}, id")
    return sql.replace(str(WALLET_MARK), ":wallet").replace("-marked", "-:job")


def pgbench(sql: str, wallets: range, clients: int, seconds: int) -> Run:
    job = "\\set job random(1, 9000000000000000000)"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(f"\\set wallet random({wallets[0]}, {wallets[-1]})\n{job}\n{sql}")
        file.flush()
        command = ["pgbench", "-n", "-f", file.name, "-c", str(clients), "-j", str(PROCESSES), "-T", str(seconds)]
        answer = subprocess.run([*command, os.environ["DATABASE_URL"]], capture_output=True, text=True, check=True)
    return Run(float(re.findall(r"tps = ([\d.]+)", answer.stdout)[0]))


# The cases


def case(name: str, sql: str, wallets: range, callers: int, pool: int, seconds: int) -> str:
    """Measure one case; `pool` connections per process, 0 for one per caller. Returns its line of the summary."""
    # Spawned processes read the settings anew, from this environment.
    os.environ["DATABASE_POOL"] = str(pool)
    clients = PROCESSES * pool or callers
    common.vacuum()
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as executor:
        ours(executor, wallets, callers, seconds=0.5)
        measurements = {
            f"{name}, pgbench": partial(pgbench, sql, wallets, clients, seconds),
            f"{name}, ours": partial(ours, executor, wallets, callers, seconds),
        }
        limit, found = common.interleaved(measurements).values()
    return common.ratio(name, found, limit, TARGET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=2)
    seconds = parser.parse_args().seconds
    common.prepare()
    users = common.people(WALLETS)
    many, one = range(users[0].pk, users[-1].pk + 1), range(users[0].pk, users[0].pk + 1)
    sql = statements()
    cases = [
        ("10,000 wallets, 4 connections", many, 4, 0),
        ("10,000 wallets, 16 connections", many, 16, 0),
        ("10,000 wallets, 16 callers on 4 pooled connections", many, 16, 2),
        ("one wallet, 16 callers on 4 pooled connections", one, 16, 2),
        ("one wallet, 16 connections", one, 16, 0),
    ]
    lines = [case(name, sql, wallets, callers, pool, seconds) for name, wallets, callers, pool in cases]
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
