"""Everything one simulator knows, and the few things that change it."""

import heapq
import random
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generation.kie.simulator.account import Account
from generation.kie.simulator.catalogue import Catalogue, Entry
from generation.kie.simulator.chat_call import Call
from generation.kie.simulator.config import Config
from generation.kie.simulator.courier import Courier
from generation.kie.simulator.envelope import Refusal
from generation.kie.simulator.faults import Armoury, Faults
from generation.kie.simulator.journal import Journal
from generation.kie.simulator.media.studio import Studio
from generation.kie.simulator.tasks import SECONDS_BY_KIND, Task, duration

# Chat calls are kept with their bodies, which may hold pictures.
MOST_CHATS = 2000


@dataclass
class Order:
    """A create that has been understood: what to make, under which id, for which price."""

    family: str
    entry: Entry
    body: dict[str, Any]
    price: float
    id_prefix: str = ""
    parent: str = ""
    index: int = 0
    usual_seconds: float | None = None
    faults: Faults = field(default_factory=dict)


class World:
    """State of one simulator. All of it belongs to the event loop's thread."""

    def __init__(self, config: Config, compose: Callable[["World", Task, str], dict[str, Any]]) -> None:
        """Start from the stored state; compose(world, task, form) writes the body of a callback."""
        self.config = config
        self.catalogue = Catalogue(config.catalog_dir)
        self.journal = Journal(config.state_path)
        self.directory = _directory(config)
        self.studio = Studio(self.directory / "media", config.plain_media)
        self.courier = Courier(config, lambda task, form: compose(self, task, form), self._delivered)
        self.api_url = ""
        self.files_url = config.files_url
        self._random = random.Random(config.seed or None)
        self._forget()
        self._restore()

    def _forget(self) -> None:
        config = self.config
        self.catalogue.restore()
        self.catalogue_asked = 0.0
        self.account = Account(config.balance, config.create_limit, config.create_window)
        self.catalogue.serve_retired = config.serve_retired
        self.armoury = Armoury()
        self.tasks: dict[str, Task] = {}
        self.tasks_by_token: dict[str, Task] = {}
        self.upgrades: dict[tuple[str, str, int], Task] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.requests: Counter[str] = Counter()
        self.chats: deque[Call] = deque(maxlen=MOST_CHATS)
        self.creates = 0
        self.polls = 0
        self.down_until = 0.0
        self.down_answer = "455"
        self._returns: list[tuple[float, str]] = []

    def _restore(self) -> None:
        for raw in self.journal.models():
            self.catalogue.change(raw)
        tasks, self.uploads = self.journal.load(self.account)
        for task in tasks:
            self._remember(task)
            self.courier.resume(task)

    def reset(self) -> None:
        """Start over with the configured balance."""
        self._forget()
        self.journal.clear()
        self.courier.forget()

    def accept(self, order: Order, faults: Faults) -> Task:
        """Debit the price and start a task; Refusal 402 when the balance is too low.

        KIE does not document when it debits; debiting on acceptance and returning on failure is the
        harder case for a client (protocol 9).
        """
        self.settle()
        faults = order.faults | faults
        price = faults["costs"] or 0.0 if "costs" in faults else order.price
        if not self.account.debit(price):
            raise Refusal(402)
        token = self.new_token()
        usual = order.usual_seconds or SECONDS_BY_KIND[order.entry.kind]
        task = Task(
            id=order.id_prefix + self.new_token(),
            token=token,
            family=order.family,
            model=order.entry.id,
            kind=order.entry.kind,
            body=order.body,
            callback_url=str(order.body.get("callBackUrl") or ""),
            created=time.time(),
            seconds=duration(usual, token, faults, self.config.speed),
            price=price,
            faults=faults,
            parent=order.parent,
            index=order.index,
        )
        self.creates += 1
        self._remember(task)
        self.journal.save(self.account, task)
        self.courier.schedule(task)
        return task

    def settle(self) -> None:
        """Return the price of tasks that have failed by now."""
        now = time.time()
        while self._returns and self._returns[0][0] <= now:
            task = self.tasks[heapq.heappop(self._returns)[1]]
            task.returned = True
            self.account.give_back(task.price)
            self.journal.save(self.account, task)

    def remember_upload(self, path: str, data: dict[str, Any]) -> None:
        """Keep what is known about an uploaded file: `file`, `type` and `at`."""
        self.uploads[path] = data
        self.journal.save_upload(path, data)

    def _delivered(self, task: Task) -> None:
        self.journal.save(self.account, task)

    def entry_of(self, task: Task) -> Entry:
        """The catalogue entry a task was made with."""
        family = "veo" if task.family.startswith("veo") else task.family
        return self.catalogue.entries[family, task.model]

    def _remember(self, task: Task) -> None:
        self.tasks[task.id] = task
        self.tasks_by_token[task.token] = task
        if task.family in ("veo-1080p", "veo-4k"):
            self.upgrades[task.family, task.parent, task.index] = task
        gives_back = task.failure and not task.returned and "failed-but-charged" not in task.faults
        if gives_back and task.ends is not None:
            heapq.heappush(self._returns, (task.ends, task.id))

    def new_token(self) -> str:
        """32 hexadecimal digits; a seed repeats them, so ones in use are skipped after a restart."""
        while True:
            token = self._random.randbytes(16).hex()
            if token not in self.tasks_by_token and token not in self.tasks:
                return token


def _directory(config: Config) -> Path:
    """Files lie next to the state, so that they survive with it."""
    if config.state_path:
        return Path(config.state_path + ".files")
    return Path(tempfile.mkdtemp(prefix="kie-simulator-"))
