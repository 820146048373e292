"""Delivers callbacks: one heap of what is due when, retries, and a log (protocol 7.1, 7.2)."""

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from generation.kie.simulator import signature
from generation.kie.simulator.config import Config
from generation.kie.simulator.envelope import to_json
from generation.kie.simulator.forgery import forged_body
from generation.kie.simulator.tasks import Task, stages

TIMEOUT_SECONDS = 15.0
RETRY_SECONDS = (60.0, 300.0, 900.0)
LATE_SECONDS = 20.0
EARLY_WAIT_SECONDS = 5.0
FORGED_AFTER_SHARE = 0.4
LOG_LENGTH = 10_000
PARALLEL = 32


@dataclass(order=True)
class Delivery:
    """One POST that is due at a Unix time; attempt counts from 0."""

    at: float
    number: int
    task: Task = field(compare=False)
    form: str = field(compare=False)
    attempt: int = field(default=0, compare=False)


class Courier:
    """compose(task, form) writes the true body; delivered(task) is called after every attempt."""

    def __init__(
        self,
        config: Config,
        compose: Callable[[Task, str], dict[str, Any]],
        delivered: Callable[[Task], None],
    ) -> None:
        self._config = config
        self._compose = compose
        self._delivered = delivered
        self._due: list[Delivery] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(PARALLEL)
        self._http = httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_connections=PARALLEL, max_keepalive_connections=PARALLEL),
        )
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)

    def schedule(self, task: Task) -> None:
        """Plan the callbacks of a new task; a task without callBackUrl never calls."""
        for form, at in self._plan(task):
            self._add(Delivery(at, next(self._numbers), task, form))

    def resume(self, task: Task) -> None:
        """Plan what a restored task still owes."""
        for form, at in self._plan(task):
            tried = [each for each in task.deliveries if each["form"] == form]
            if not tried:
                self._add(Delivery(at, next(self._numbers), task, form))
            elif tried[-1]["status"] != 200 and len(tried) <= len(RETRY_SECONDS):
                self._add(Delivery(time.time(), next(self._numbers), task, form, len(tried)))

    def forget(self) -> None:
        """Drop everything planned and logged."""
        self._due.clear()
        self.log.clear()
        for sending in self._sending:
            sending.cancel()

    async def deliver_early(self, task: Task) -> None:
        """Call before the create is answered. A client that cannot take it yet is not waited for long."""
        delivery = Delivery(time.time(), next(self._numbers), task, "final")
        await asyncio.wait({self._start(delivery)}, timeout=EARLY_WAIT_SECONDS)

    async def run(self) -> None:
        """Deliver forever."""
        while True:
            self._changed.clear()
            while self._due and self._due[0].at <= time.time():
                self._start(heapq.heappop(self._due))
            wait = self._due[0].at - time.time() if self._due else None
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Give up what is being sent."""
        for sending in self._sending:
            sending.cancel()
        await self._http.aclose()

    def _plan(self, task: Task) -> list[tuple[str, float]]:
        if not task.callback_url:
            return []
        plan = []
        for name in ("forged", "forged-fail"):
            if f"callback-{name}" in task.faults:
                plan.append((name, task.created + FORGED_AFTER_SHARE * (task.seconds or 1.0)))
        ends = task.ends
        if ends is None or "callback-lost" in task.faults or "callback-early" in task.faults:
            return plan
        if "callback-late" in task.faults:
            ends += LATE_SECONDS / self._config.speed
        form = next((form for form in ("null", "garbage") if f"callback-{form}" in task.faults), "final")
        plan += [*stages(task), (form, ends)]
        if "callback-double" in task.faults:
            plan.append(("second", ends))
        return plan

    def _add(self, delivery: Delivery) -> None:
        heapq.heappush(self._due, delivery)
        self._changed.set()

    def _start(self, delivery: Delivery) -> "asyncio.Task[None]":
        sending = asyncio.create_task(self._send(delivery))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        return sending

    async def _send(self, delivery: Delivery) -> None:
        task = delivery.task
        body = self._body(delivery)
        headers = {"Content-Type": "application/json", **self._signature(delivery)}
        async with self._slots:
            status, error = await self._post(task.callback_url, body, headers)
        record = {
            "task": task.id,
            "form": delivery.form,
            "attempt": delivery.attempt,
            "at": time.time(),
            "url": task.callback_url,
            "headers": headers,
            "body": body,
            "status": status,
            "error": error,
        }
        self.log.append(record)
        task.deliveries.append(record)
        self._delivered(task)
        if status != 200 and delivery.attempt < len(RETRY_SECONDS) and "forged" not in delivery.form:
            wait = RETRY_SECONDS[delivery.attempt] / self._config.speed
            attempt = delivery.attempt + 1
            self._add(Delivery(time.time() + wait, next(self._numbers), task, delivery.form, attempt))

    async def _post(self, url: str, body: str, headers: dict[str, str]) -> tuple[int | None, str]:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self._http.post(url, content=body.encode(), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError) as error:
            return None, f"{type(error).__name__}: {error}"
        return response.status_code, ""

    def _body(self, delivery: Delivery) -> str:
        task = delivery.task
        if delivery.form == "garbage":
            return "<html>this is not JSON"
        if delivery.form == "null":
            return to_json({"code": 501 if task.failure else 200, "msg": "success", "data": None})
        if "forged" in delivery.form:
            return to_json(forged_body(task, failed=delivery.form == "forged-fail"))
        return to_json(self._compose(task, delivery.form))

    def _signature(self, delivery: Delivery) -> dict[str, str]:
        """Sign with a fresh time on every attempt; a forger does not know the key."""
        key = self._config.hmac_key
        if not key:
            return {}
        if "forged" in delivery.form:
            key = "not the key"
        return signature.headers(delivery.task.id, int(time.time()), key)
