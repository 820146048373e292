"""Asking KIE about running tasks with `generation.polling.sweep`, against httpx.AsyncClient with the same queries.

    .venv/bin/python scripts/with_postgres.py .venv/bin/python benchmarks/polling.py [--tasks 10000]

KIE is the simulator in a process of its own; its tasks never end. Ours is one process that sweeps until every row was
looked at once: claim, query, read, write back. The limit sends the queries and reads the answers, in one process too,
with the number of parallel queries that turned out fastest.
"""

import argparse
import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from json import loads
from typing import Any

import common
import httpx
from common import Run
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from generation import polling
from generation.kie.client import USER_AGENT
from generation.models import Generation

MODEL = "google/nano-banana"
INPUT = {"prompt": "A red fox in the snow sim:never"}
PARALLEL_CREATES = 8
PARALLEL_QUERIES = (1, 2, 4, 8, 16, 32)
# Queries to find out how many at a time are fastest.
TRIED = 1000
# Tasks are of different ages in production: the sweep writes those of one age back together.
AGES = 12
TARGET = 0.5


@contextmanager
def simulator() -> Iterator[str]:
    """The KIE simulator on a free port; gives its address and ends with the context."""
    command = [sys.executable, "-m", "generation.kie.simulator", "--api-port=0", "--files-port=0"]
    command += [f"--key={settings.KIE_API_KEY}", "--create-limit=0", "--balance=1000000"]
    running = subprocess.Popen(command, cwd=common.ROOT, stdout=subprocess.PIPE, text=True)
    assert running.stdout
    try:
        yield loads(running.stdout.readline())["api"]
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)
        running.stdout.close()


# Requests


async def _all(api: str, calls: list[dict[str, Any]], parallel: int) -> list[httpx.Response]:
    left, answers = iter(calls), []
    limits = httpx.Limits(max_connections=parallel, max_keepalive_connections=parallel)
    headers = {"Authorization": f"Bearer {settings.KIE_API_KEY}", "User-Agent": USER_AGENT}
    options: dict[str, Any] = {"limits": limits, "headers": headers, "timeout": 30, "trust_env": False}
    async with httpx.AsyncClient(base_url=api, **options) as client:

        async def work() -> None:
            for call in left:
                answers.append(await client.request(**call))

        await asyncio.gather(*(work() for _ in range(parallel)))
    return answers


def send(api: str, calls: list[dict[str, Any]], parallel: int) -> list[httpx.Response]:
    """Make all calls with one AsyncClient, `parallel` at a time; the answers come in any order."""
    answers = asyncio.run(_all(api, calls, parallel))
    if any(answer.status_code != 200 for answer in answers):
        raise RuntimeError("a call was not answered with 200")
    return answers


def create(api: str, count: int) -> list[str]:
    """Start `count` tasks that never end; returns their ids."""
    call = {"method": "POST", "url": "/api/v1/jobs/createTask", "json": {"model": MODEL, "input": INPUT}}
    return [answer.json()["data"]["taskId"] for answer in send(api, [call] * count, PARALLEL_CREATES)]


def queries(tasks: list[str]) -> list[dict[str, Any]]:
    return [{"method": "GET", "url": "/api/v1/jobs/recordInfo", "params": {"taskId": task}} for task in tasks]


# What is measured


def rows(user: User, tasks: list[str]) -> None:
    """The generations that the tasks belong to."""
    now = timezone.now()
    made = [
        Generation(
            user=user,
            model=MODEL,
            kind="image",
            input=INPUT,
            price_millicredits=5_000,
            price_version="benchmark",
            cost_estimate_millicredits=4_000,
            state=Generation.State.RUNNING,
            started_at=now,
            submit_by=now + timedelta(days=1),
            deadline=now + timedelta(days=1),
            checks=number % AGES,
            kie_task_id=task,
        )
        for number, task in enumerate(tasks)
    ]
    Generation.objects.bulk_create(made, batch_size=1000)


def sweep(api: str, count: int) -> Run:
    """Sweep until each of `count` due rows was looked at once, and KIE was asked about each."""
    before = asked(api)
    Generation.objects.update(check_at=timezone.now())
    started = time.perf_counter()
    looked = sum(polling.sweep() for _ in range(0, count, polling.BATCH))
    seconds = time.perf_counter() - started
    if looked != count or asked(api) - before != count:
        raise RuntimeError("not every row was looked at once")
    return Run(count / seconds)


def asked(api: str) -> int:
    """How many status queries the simulator has answered."""
    return httpx.get(f"{api}/_sim/state", trust_env=False).json()["polls"]


def limit(api: str, calls: list[dict[str, Any]], parallel: int) -> Run:
    started = time.perf_counter()
    send(api, calls, parallel)
    return Run(len(calls) / (time.perf_counter() - started))


def best_parallel(api: str, calls: list[dict[str, Any]]) -> int:
    """How many queries at a time are fastest."""
    rates = {parallel: limit(api, calls, parallel).per_second for parallel in PARALLEL_QUERIES}
    print("AsyncClient:", ", ".join(f"{parallel} at a time {rate:.0f}/s" for parallel, rate in rates.items()))
    return max(rates, key=rates.__getitem__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    count = options.tasks
    common.prepare()
    with simulator() as api:
        settings.KIE_BASE_URL = api
        tasks = create(api, count)
        rows(common.people(1)[0], tasks)
        common.vacuum()
        calls = queries(tasks)
        parallel = best_parallel(api, calls[:TRIED])
        sweep(api, count)
        names = f"AsyncClient, {parallel} at a time", "sweep"
        measurements = dict(zip(names, (partial(limit, api, calls, parallel), partial(sweep, api, count)), strict=True))
        bare, ours = common.interleaved(measurements, options.repetitions).values()
    print(common.ratio(f"sweep of {count} running tasks", ours, bare, TARGET))


if __name__ == "__main__":
    main()
