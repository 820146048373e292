"""Requests of the REST API and callbacks, against bare views of the same server.

    .venv/bin/python scripts/with_postgres.py .venv/bin/python benchmarks/web.py [--seconds 3] [--pool 4]

The server is gunicorn with two processes of four threads, as in production; the load comes from a process of its own
over `CONNECTIONS` keep-alive connections. A generation is requested (with and without `Idempotency-Key`) by one of
many resellers; a callback is signed and rings for one of many running generations.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial

import common
import httpx
import load
from common import Run
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from generation.kie import signature
from generation.models import Generation

MODEL = "google/nano-banana"
CONNECTIONS = 16
# So many that nobody comes near the limit of requests per account and minute.
RESELLERS = 250
RUNNING = 5_000
START_SECONDS = 30
# What the proxy in front of the server says, which has taken HTTPS off.
FORWARDED = {"X-Forwarded-Proto": "https"}
TARGET_GENERATIONS, TARGET_CALLBACKS = 0.4, 0.6


@contextlib.contextmanager
def server(pool: int) -> Iterator[int]:
    """Gunicorn on a free port; ends with the context."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "kieplatform.wsgi", "-b", f"127.0.0.1:{port}"]
    command += ["-k", "gthread", "-w", "2", "--threads", "4", "--log-level", "warning"]
    environment = {**os.environ, "DATABASE_POOL": str(pool), "PYTHONWARNINGS": "ignore"}
    running = subprocess.Popen(command, cwd=common.ROOT, env=environment)
    try:
        wait(running, f"http://127.0.0.1:{port}/healthz")
        yield port
    finally:
        running.terminate()
        running.wait(30)


def wait(process: subprocess.Popen[bytes], url: str) -> None:
    """Wait until a worker of the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, headers=FORWARDED, trust_env=False).raise_for_status()
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not start")


def generations(keys: list[str], path: str, **headers: str) -> list[bytes]:
    """One request for each key."""
    asked = {"model": MODEL, "input": {"prompt": "A red fox in the snow"}, "allow_duplicate": True}
    body = json.dumps(asked).encode()
    return [load.post(path, body, {"Authorization": f"Bearer {key}", **FORWARDED, **headers}) for key in keys]


def running(user: User, count: int) -> list[Generation]:
    """Generations that KIE is working on."""
    now = timezone.now()
    tomorrow = now + timedelta(days=1)
    rows = [
        Generation(
            user=user,
            model=MODEL,
            kind="image",
            input={"prompt": "A red fox in the snow"},
            price_millicredits=5_000,
            price_version="benchmark",
            cost_estimate_millicredits=4_000,
            state=Generation.State.RUNNING,
            started_at=now,
            check_at=tomorrow,
            submit_by=tomorrow,
            deadline=tomorrow,
            kie_task_id=f"{number:032x}",
        )
        for number in range(count)
    ]
    return Generation.objects.bulk_create(rows, batch_size=1000)


def callbacks(rows: list[Generation], path: str) -> list[bytes]:
    """One signed callback for each row."""
    stamp = str(int(time.time()))
    requests = []
    for row in rows:
        task = str(row.kie_task_id)
        body = json.dumps({"code": 200, "msg": "success", "data": {"taskId": task, "state": "success"}}).encode()
        sign = signature.sign(task, stamp, settings.KIE_WEBHOOK_HMAC_KEY)
        headers = {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": sign, **FORWARDED}
        requests.append(load.post(path.format(token=row.callback_token), body, headers))
    return requests


def measure(pool: ProcessPoolExecutor, port: int, seconds: float, requests: list[bytes], status: int) -> Run:
    """Requests answered per second; any answer but `status` is an error of the benchmark."""
    statuses, latencies = pool.submit(load.run, port, requests, CONNECTIONS, seconds).result()
    if set(statuses) != {status}:
        raise RuntimeError(f"{requests[0]!r} was answered {statuses}")
    return Run(len(latencies) / seconds, latencies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--pool", type=int, default=0, help="DATABASE_POOL of the server")
    options = parser.parse_args()
    common.prepare()
    users = common.people(RESELLERS)
    keys, rows = common.keys(users), running(users[0], RUNNING)
    requests = {
        "bare API view": (generations(keys, "/bare/api"), 202),
        "generation": (generations(keys, "/api/v1/generations"), 202),
        "generation, Idempotency-Key": (
            generations(keys, "/api/v1/generations", **{"Idempotency-Key": "{unique}"}),
            202,
        ),
        "bare callback": (callbacks(rows, "/bare/bell/{token}/"), 200),
        "callback": (callbacks(rows, "/kie/{token}/"), 200),
    }
    common.vacuum()
    spawn = multiprocessing.get_context("spawn")
    with server(options.pool) as port, ProcessPoolExecutor(1, mp_context=spawn) as pool:
        for asked in requests.values():
            measure(pool, port, 1, *asked)
        measurements = {n: partial(measure, pool, port, options.seconds, *asked) for n, asked in requests.items()}
        found = common.interleaved(measurements)
    for name, run in ((name, common.median(runs)) for name, runs in found.items()):
        print(f"{name}: {run.per_second:.0f} per second, {common.spread(run)}")
    bare_api, plain, keyed, bare_callback, callback = found.values()
    print(common.ratio("generation, Idempotency-Key", keyed, bare_api, TARGET_GENERATIONS))
    print(common.ratio("generation", plain, bare_api, TARGET_GENERATIONS))
    print(common.ratio("callback", callback, bare_callback, TARGET_CALLBACKS))


if __name__ == "__main__":
    main()
