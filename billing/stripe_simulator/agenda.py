"""What is due when: webhooks, delayed payments, sessions that expire. Survives a kill with the store."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from billing.stripe_simulator.store import Store


@dataclass(order=True)
class Item:
    """An action that is due at a Unix time."""

    at: float
    number: int
    action: str = field(compare=False)
    about: dict[str, Any] = field(compare=False)


class Agenda:
    """Every item is run by `act`, which calls `done` when it need not be repeated after a kill."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._due: list[Item] = []
        self._open: dict[str, dict[int, Item]] = {}
        self._numbers = itertools.count()
        self._changed = asyncio.Event()

    def plan(self, action: str, seconds: float = 0.0, **about: Any) -> Item:
        """Plan an action in so many real seconds."""
        return self._add(Item(time.time() + seconds, next(self._numbers), action, about))

    def resume(self) -> None:
        """Plan again what was planned when the process died."""
        planned = list(self._store.load("plan"))
        for id, _ in planned:
            self._store.put("plan", id, None)
        for _, data in planned:
            self._add(Item(data["at"], next(self._numbers), data["action"], data["about"]))

    def done(self, item: Item) -> None:
        """An item is over."""
        self._open.get(item.action, {}).pop(item.number, None)
        self._store.put("plan", f"p{item.number}", None)

    def open(self, action: str) -> list[Item]:
        """The items of an action that are planned or running, oldest first."""
        return list(self._open.get(action, {}).values())

    def drop(self, item: Item) -> None:
        """Take a planned item back."""
        if item in self._due:
            self._due.remove(item)
            heapq.heapify(self._due)
        self.done(item)

    def hurry(self, item: Item) -> None:
        """Make a planned item due now."""
        if item in self._due:
            self._due.remove(item)
            heapq.heapify(self._due)
            item.at = time.time()
            self._add(item)

    def forget(self) -> None:
        """Drop everything."""
        self._due.clear()
        self._open.clear()

    async def run(self, act: Callable[[Item], None]) -> None:
        """Run what is due, forever."""
        while True:
            self._changed.clear()
            while self._due and self._due[0].at <= time.time():
                act(heapq.heappop(self._due))
            wait = self._due[0].at - time.time() if self._due else None
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _add(self, item: Item) -> Item:
        heapq.heappush(self._due, item)
        self._open.setdefault(item.action, {})[item.number] = item
        data = {"at": item.at, "action": item.action, "about": item.about}
        self._store.put("plan", f"p{item.number}", data)
        self._changed.set()
        return item
