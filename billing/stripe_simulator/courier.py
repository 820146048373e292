"""Delivers webhooks: signed, retried with growing gaps while the answer is not 2xx, logged."""

import asyncio
import json
import time

import httpx

from billing.stripe_simulator import signature
from billing.stripe_simulator.agenda import Item
from billing.stripe_simulator.world import World

TIMEOUT_SECONDS = 20.0
# Stripe does not publish the gaps, only that they grow over three days.
RETRY_SECONDS = (10.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0, 36_000.0, 36_000.0, 36_000.0)
OVERTAKEN_SECONDS = 30.0
OLD_SECONDS = 600
PARALLEL = 32


class Courier:
    """Sends what the agenda says is due; an attempt that a kill interrupts is made again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sending: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(PARALLEL)
        limits = httpx.Limits(max_connections=PARALLEL, max_keepalive_connections=PARALLEL)
        self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, limits=limits)

    def deliver(self, item: Item) -> None:
        """Start an attempt, or hold it back until another event has overtaken it."""
        if "disorder" in item.about["forms"]:
            item.about["forms"].remove("disorder")
            self._world.agenda.done(item)
            self._world.later("deliver", OVERTAKEN_SECONDS, **item.about, held=True)
            return
        sending = asyncio.create_task(self._send(item))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    def forget(self) -> None:
        """Break off what is being sent."""
        for sending in self._sending:
            sending.cancel()

    async def close(self) -> None:
        """Break off and release the connections."""
        self.forget()
        await self._http.aclose()

    async def _send(self, item: Item) -> None:
        world, about = self._world, item.about
        event = world.objects[about["event"]]
        body = json.dumps(event, indent=2)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": self._sign(body, about["forms"]),
        }
        async with self._slots:
            status, error = await self._post(body, headers)
        delivered = status is not None and 200 <= status < 300
        record = {"event": event["id"], "type": event["type"], "attempt": about["attempt"], "at": time.time()}
        record |= {"url": world.webhook["url"], "status": status, "error": error, "headers": headers, "body": body}
        world.deliveries.append(record)
        world.agenda.done(item)
        if delivered:
            world.change(event, pending_webhooks=0)
        elif about["attempt"] < len(RETRY_SECONDS):
            self._retry(item)
        if not about.get("held"):
            self._let_the_overtaken_go()
        world.store.flush()

    def _retry(self, item: Item) -> None:
        attempt = item.about["attempt"]
        about = {**item.about, "attempt": attempt + 1, "forms": []}
        self._world.later("deliver", RETRY_SECONDS[attempt], **about)

    def _let_the_overtaken_go(self) -> None:
        for item in self._world.agenda.open("deliver"):
            if item.about.get("held") and item.about["attempt"] == 0:
                self._world.agenda.hurry(item)

    def _sign(self, body: str, forms: list[str]) -> str:
        secret = self._world.webhook["secret"]
        if "wrong-signature" in forms:
            secret = "whsec_somebody_else"  # noqa: S105 - it is wrong on purpose
        return signature.header(body, secret, int(time.time()) - (OLD_SECONDS if "old-timestamp" in forms else 0))

    async def _post(self, body: str, headers: dict[str, str]) -> tuple[int | None, str]:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self._http.post(self._world.webhook["url"], content=body.encode(), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError) as error:
            return None, f"{type(error).__name__}: {error}"
        return response.status_code, ""
