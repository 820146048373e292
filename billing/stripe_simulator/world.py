"""Everything one simulator knows, and the few things that change it."""

import copy
import random
import string
import time
from collections import deque
from typing import Any

from billing.stripe_simulator.agenda import Agenda
from billing.stripe_simulator.config import API_VERSION, Config
from billing.stripe_simulator.errors import missing
from billing.stripe_simulator.faults import Armoury
from billing.stripe_simulator.store import Store

Obj = dict[str, Any]
LETTERS = string.ascii_letters + string.digits
LOG_LENGTH = 10_000
USUAL_EVENTS = frozenset(
    [
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "charge.refunded",
        "charge.updated",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.finalized",
        "setup_intent.succeeded",
        "payment_method.attached",
        "payment_method.detached",
    ]
)


class World:
    """State of one simulator. All of it belongs to the event loop's thread.

    `objects` are what the API shows, by id; `asides` is what Stripe knows about them and does not show.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.store = Store(config.state_path)
        self.agenda = Agenda(self.store)
        self.url = config.public_url.rstrip("/")
        self.random = random.Random(config.seed or None)
        self._forget()
        self.webhook = {
            "url": config.webhook_url,
            "secret": config.webhook_secret,
            "events": config.webhook_events,
        }
        self._restore()

    def _forget(self) -> None:
        self.objects: dict[str, Obj] = {}
        self.kinds: dict[str, dict[str, Obj]] = {}
        self.asides: dict[str, Obj] = {}
        self.answers: dict[str, Obj] = {}
        self.requests: deque[Obj] = deque(maxlen=LOG_LENGTH)
        self.deliveries: deque[Obj] = deque(maxlen=LOG_LENGTH)
        self.armoury = Armoury(self.random)
        self.request: Obj = {"id": None, "idempotency_key": None}

    def _restore(self) -> None:
        for _, data in self.store.load("object"):
            self._remember(data)
        self.asides = dict(self.store.load("aside"))
        self.answers = dict(self.store.load("answer"))
        self.webhook = self.asides.pop("webhook", self.webhook)

    def reset(self) -> None:
        """Forget everything but where webhooks go."""
        self._forget()
        self.agenda.forget()
        self.store.clear()
        self.send_webhooks_to(**self.webhook)

    def send_webhooks_to(self, url: str, secret: str, events: str) -> None:
        """Deliver events to this address from now on."""
        self.webhook = {"url": url, "secret": secret, "events": events}
        self.store.put("aside", "webhook", self.webhook)

    def new_id(self, prefix: str, length: int = 24) -> str:
        """An id that is not in use, in Stripe's form."""
        while True:
            id = f"{prefix}_" + "".join(self.random.choices(LETTERS, k=length))
            if id not in self.objects:
                return id

    def add(self, obj: Obj, **aside: Any) -> Obj:
        """Keep a new object, and what is known about it besides."""
        self._remember(obj)
        self.save(obj)
        self.note(obj["id"], **aside)
        return obj

    def save(self, obj: Obj) -> None:
        """Keep what has changed in an object."""
        self.store.put("object", obj["id"], obj)

    def change(self, obj: Obj, **fields: Any) -> Obj:
        """Change an object and return what was different before."""
        before = {name: copy.deepcopy(obj.get(name)) for name, value in fields.items() if obj.get(name) != value}
        obj.update(fields)
        self.save(obj)
        return before

    def remove(self, obj: Obj) -> None:
        """Forget an object."""
        del self.objects[obj["id"]], self.kinds[obj["object"]][obj["id"]]
        self.store.put("object", obj["id"], None)

    def aside(self, id: str) -> Obj:
        """What is known about an object besides what the API shows."""
        return self.asides.setdefault(id, {})

    def note(self, id: str, **facts: Any) -> None:
        """Keep something that the API does not show."""
        if facts:
            self.aside(id).update(facts)
            self.store.put("aside", id, self.asides[id])

    def get(self, kind: str, id: str | None, param: str = "id") -> Obj:
        """Find an object; resource_missing when there is none of this kind."""
        found = self.kinds.get(kind, {}).get(id or "")
        if found is None:
            raise missing(kind, id or "", param)
        return found

    def all(self, kind: str) -> list[Obj]:
        """Every object of a kind, oldest first."""
        return list(self.kinds.get(kind, {}).values())

    def emit(self, type: str, obj: Obj, before: Obj | None = None, *, wanted: bool = False) -> Obj:
        """Make an event of an object as it is now, and plan its delivery if the endpoint wants this type."""
        data: Obj = {"object": copy.deepcopy(obj)}
        if before is not None:
            data["previous_attributes"] = before
        event = self.add(
            {
                "id": self.new_id("evt"),
                "object": "event",
                "api_version": API_VERSION,
                "created": now(),
                "data": data,
                "livemode": False,
                "pending_webhooks": 0,
                "request": dict(self.request),
                "type": type,
            }
        )
        if self.webhook["url"] and (wanted or self._is_wanted(type)):
            self._plan_delivery(event)
        return event

    def later(self, action: str, seconds: float, **about: Any) -> None:
        """Plan something that happens by itself, after so many seconds divided by the speed."""
        self.agenda.plan(action, seconds / self.config.speed, **about)

    def _is_wanted(self, type: str) -> bool:
        events = self.webhook["events"]
        return events == "*" or type in (events.split(",") if events else USUAL_EVENTS)

    def _plan_delivery(self, event: Obj) -> None:
        faults = self.armoury.for_event(event["type"])
        event["pending_webhooks"] = 1
        if "lost" in faults:
            return
        forms = sorted(faults & {"wrong-signature", "old-timestamp", "disorder"})
        wait = 60.0 if "late" in faults else 0.0
        for _ in range(2 if "twice" in faults else 1):
            self.later("deliver", wait, event=event["id"], attempt=0, forms=forms)

    def _remember(self, obj: Obj) -> None:
        self.objects[obj["id"]] = obj
        self.kinds.setdefault(obj["object"], {})[obj["id"]] = obj


def now() -> int:
    """Unix seconds, as Stripe writes times."""
    return int(time.time())
