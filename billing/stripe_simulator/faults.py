"""Everything that can be made to go wrong: armed for the next matching times, or by a rate."""

import random
from dataclasses import asdict, dataclass, field
from typing import Any

CALLS = {
    "500": "the answer is 500 and nothing was done",
    "500-after": "it was done, but the answer is 500, also to a retry with the same idempotency key",
    "429": "the answer is 429, rate_limit",
    "timeout": "it was done, but the request is never answered",
    "drop": "the connection is closed before anything was done",
    "drop-after": "it was done, then the connection is closed without an answer",
}
WEBHOOKS = {
    "lost": "the event is never delivered",
    "twice": "the event is delivered twice at once",
    "late": "the event comes 60 s / speed late",
    "disorder": "the event comes after the next one (or after 30 s / speed)",
    "wrong-signature": "the first attempt is signed with another secret",
    "old-timestamp": "the first attempt is signed ten minutes ago",
}
MONEY = {
    "decline": "the next charge is declined (generic_decline)",
    "refund-fails": "the next refund fails 5 s / speed later",
}
FAULTS = CALLS | WEBHOOKS | MONEY
RATES = {
    "decline": "share of charges that are declined",
    "error": "share of calls answered 500 with nothing done",
    "timeout": "share of POSTs that are done and never answered (the connection closes after timeout_seconds)",
    "lost": "share of events that are never delivered",
    "twice": "share of events delivered twice",
    "late": "share of events delivered late",
    "disorder": "share of events overtaken by the next",
    "wrong-signature": "share of events first sent with a wrong signature",
    "old-timestamp": "share of events first sent with an old timestamp",
    "latency_seconds": "seconds that every call waits first",
    "timeout_seconds": "seconds after which an unanswered connection closes (0 is never)",
}


@dataclass
class Armed:
    """A fault waiting for the next `count` matching calls or events."""

    name: str
    count: int = 1
    path: str = ""
    type: str = ""


@dataclass
class Armoury:
    """The faults of one simulator."""

    random: random.Random
    armed: list[Armed] = field(default_factory=list)
    rates: dict[str, float] = field(default_factory=dict)

    def arm(self, name: str, count: int, path: str, type: str) -> Armed:
        """Raise ValueError for a name that is no fault."""
        if name not in FAULTS:
            raise ValueError(f"no fault is called {name}")
        self.armed.append(Armed(name, count, path, type))
        return self.armed[-1]

    def set_rates(self, rates: dict[str, Any]) -> None:
        """Raise ValueError for a name that is no rate."""
        for name, value in rates.items():
            if name.replace("_", "-") not in RATES and name not in RATES:
                raise ValueError(f"no rate is called {name}")
            self.rates[name if name in RATES else name.replace("_", "-")] = float(value)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.armed.clear()
        self.rates.clear()

    def for_call(self, path: str, writes: bool) -> str:
        """The fault of this API call, or nothing."""
        for fault in self._live():
            if fault.name in CALLS and fault.path in path:
                fault.count -= 1
                return fault.name
        if self._hits("error"):
            return "500"
        return "timeout" if writes and self._hits("timeout") else ""

    def for_event(self, type: str) -> set[str]:
        """The faults of an event's delivery."""
        found = {name for name in WEBHOOKS if self._hits(name)}
        for fault in self._live():
            if fault.name in WEBHOOKS and fault.type in type:
                fault.count -= 1
                found.add(fault.name)
        return found

    def for_money(self, name: str) -> bool:
        """Whether a charge is declined or a refund fails."""
        for fault in self._live():
            if fault.name == name:
                fault.count -= 1
                return True
        return self._hits(name)

    def as_json(self) -> dict[str, Any]:
        """Show what is armed and what exists."""
        armed = [asdict(fault) for fault in self._live()]
        return {"armed": armed, "rates": self.rates, "known": FAULTS, "known_rates": RATES}

    def _live(self) -> list[Armed]:
        self.armed = [fault for fault in self.armed if fault.count > 0]
        return self.armed

    def _hits(self, name: str) -> bool:
        rate = self.rates.get(name, 0.0)
        return rate > 0 and self.random.random() < rate
