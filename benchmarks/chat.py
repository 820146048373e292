"""Chat through the platform, against the same proxying in a bare ASGI app and against nothing in between.

    .venv/bin/python scripts/with_postgres.py .venv/bin/python benchmarks/chat.py [--tokens 100] [--pace 20]

KIE is the simulator in a process of its own; platform and bare app are uvicorn with the same number of workers; the
load is one more process. Measured twice: at `--pace` events per second in each stream for the time that is added until
the first text, and as fast as possible for streams per second.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import common
import httpx
import load
import streaming
from common import Run
from django.conf import settings
from django.db.models import Sum
from web import FORWARDED, wait

from billing.models import Wallet
from generation import catalog

MODEL = "gemini-3-flash"
PROMPT = "Tell me about a red fox in the snow sim:tokens={tokens}"
RESELLERS = 250
# What the simulator writes at speed 1, each token in an event of its own.
TOKENS_PER_SECOND = 50
FAST, FAST_SPREAD_SECONDS = 10_000.0, 0.5
# Enough to reach every worker, one after the other.
WARM_UP_STREAMS = 16
TARGET_MILLISECONDS, TARGET_RATIO = 10, 0.5
SETTLED_SECONDS = 30


@dataclass(frozen=True)
class Server:
    """Where one of the three listens, and what it is asked."""

    port: int
    requests: list[bytes]


@contextlib.contextmanager
def process(*command: str, url: str = "", **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that ends with the context; with a URL it is waited for."""
    more = {"PYTHONWARNINGS": "ignore", **environment}
    running = subprocess.Popen(
        [sys.executable, *command], cwd=common.ROOT, env={**os.environ, **more}, stdout=subprocess.PIPE
    )
    try:
        if url:
            wait(running, url)
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)
        assert running.stdout
        running.stdout.close()


@contextlib.contextmanager
def simulator(speed: float) -> Iterator[str]:
    command = ["-m", "generation.kie.simulator", "--api-port=0", "--files-port=0", f"--speed={speed}"]
    command += [f"--key={settings.KIE_API_KEY}", "--balance=10000000"]
    with process(*command) as running:
        assert running.stdout
        yield json.loads(running.stdout.readline())["api"]


@contextlib.contextmanager
def served(app: str, workers: int, path: str, **environment: str) -> Iterator[int]:
    """An ASGI app under uvicorn on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "uvicorn", app, "--port", str(port), "--workers", str(workers), "--log-level", "warning"]
    with process(*command, url=f"http://127.0.0.1:{port}{path}", **environment):
        yield port


@contextlib.contextmanager
def everything(speed: float, tokens: int, workers: int, keys: list[str]) -> Iterator[dict[str, Server]]:
    """Simulator, bare app and platform, and how each is asked for a stream; the money is checked at the end."""
    path = catalog.get(MODEL).endpoint
    body = {"messages": [{"role": "user", "content": PROMPT.format(tokens=tokens)}], "stream": True}
    bare, full = json.dumps(body).encode(), json.dumps({"model": MODEL, **body}).encode()
    by_key = [{"Authorization": f"Bearer {key}", **FORWARDED} for key in keys]
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(simulator(speed))
        names = {"URL": api, "KEY": settings.KIE_API_KEY, "PATH": path}
        environment = {f"BENCHMARK_KIE_{name}": value for name, value in names.items()}
        proxy = stack.enter_context(served("benchmarks.proxy:application", workers, "/", **environment))
        ours = stack.enter_context(served("kieplatform.asgi:application", workers, "/healthz", **environment))
        authorised = {"Authorization": f"Bearer {settings.KIE_API_KEY}"}
        yield {
            "direct": Server(httpx.URL(api).port or 80, [load.post(path, bare, authorised)]),
            "bare app": Server(proxy, [load.post("/", bare, {})]),
            "platform": Server(ours, [load.post("/v1/chat/completions", full, headers) for headers in by_key]),
        }
        check_money()


def check_money() -> None:
    """Raise unless every hold has ended soon: a stream that was read to its end is paid."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while held := Wallet.objects.aggregate(total=Sum("held"))["total"]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{held} millicredits are still held")
        time.sleep(0.1)


def measure(pool: ProcessPoolExecutor, server: Server, streams: int, spread: float, seconds: float) -> Run:
    """Streams that ended per second, and the seconds that the first text of each took."""
    arguments = server.port, server.requests, streams, seconds, spread
    ended, first_texts = pool.submit(streaming.run, *arguments).result()
    return Run(ended / seconds, first_texts)


def at_speed(speed: float, spread: float, keys: list[str], options: argparse.Namespace) -> dict[str, list[Run]]:
    """The runs of all three while KIE writes at a speed; they begin over `spread` seconds."""
    spawn = multiprocessing.get_context("spawn")
    with (
        everything(speed, options.tokens, options.workers, keys) as servers,
        ProcessPoolExecutor(1, mp_context=spawn) as pool,
    ):
        take = partial(measure, pool, streams=options.streams, spread=spread)
        for server in servers.values():
            measure(pool, server, WARM_UP_STREAMS, 0.1, 0.1)
        timed = {name: partial(take, server, seconds=options.seconds) for name, server in servers.items()}
        runs = common.interleaved(timed, options.repetitions)
    for name, middle in ((name, common.median(found)) for name, found in runs.items()):
        shares = f"p50 {middle.milliseconds(0.5):.0f} ms, p95 {middle.milliseconds(0.95):.0f} ms"
        print(f"{name}: {middle.per_second:.1f} streams per second, first text {shares}")
    return runs


def added(name: str, ours: list[Run], direct: list[Run]) -> str:
    """The line about the time to the first text that something adds, as the median of the turns."""
    found = {
        word: statistics.median(
            a.milliseconds(share) - b.milliseconds(share) for a, b in zip(ours, direct, strict=True)
        )
        for word, share in (("median", 0.5), ("p95", 0.95))
    }
    words = ", ".join(f"{word} {milliseconds:+.1f} ms" for word, milliseconds in found.items())
    return f"{name} adds to the first text: {words} (target +{TARGET_MILLISECONDS} ms)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=100, help="of each reply")
    parser.add_argument("--pace", type=float, default=20.0, help="tokens per second while the first text is timed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    common.prepare()
    keys = common.keys(common.people(RESELLERS))
    common.vacuum()
    # Every stream begins while the others go on.
    paced = at_speed(options.pace / TOKENS_PER_SECOND, options.tokens / options.pace, keys, options)
    fast = at_speed(FAST, FAST_SPREAD_SECONDS, keys, options)
    print(added("bare app", paced["bare app"], paced["direct"]))
    print(added("platform", paced["platform"], paced["direct"]))
    print(common.ratio("streams", fast["platform"], fast["bare app"], TARGET_RATIO))


if __name__ == "__main__":
    main()
