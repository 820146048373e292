"""One chat call: what was asked, what is replied, what it uses and costs."""

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.faults import Faults

THOUGHT, TEXT, TOOL = "thought", "text", "tool"
RUNNING, DONE, LEFT, CUT = "running", "done", "left", "cut"
# Codex without instructions gets a prompt of some 40 KB of KIE's own (protocol 5.4).
OWN_PROMPT_TOKENS = 10_000
SMALLEST_CREDITS = Decimal("0.01")

_PIECE = re.compile(r"\s*\S{1,6}|\s+")


def pieces(text: str) -> list[str]:
    """Cut a text into what counts as its tokens; joined they are the text again."""
    return _PIECE.findall(text)


@dataclass(frozen=True)
class Message:
    """One turn. files are data URLs or addresses; result says that it is the answer of a tool."""

    role: str
    text: str
    files: list[str] = field(default_factory=list)
    result: bool = False


@dataclass(frozen=True)
class Asked:
    """A request of any style. tools are the parameters' schemas by name, shape is the schema of the reply."""

    messages: list[Message]
    instructions: str = ""
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    max_tokens: int | None = None
    shape: dict[str, Any] | None = None
    thinks: bool = True
    shows_thoughts: bool = False

    @property
    def last(self) -> Message:
        """What the user said last, without regard to tools' answers after it."""
        said = [message for message in self.messages if message.role == "user" and message.text and not message.result]
        return said[-1] if said else self.messages[-1]


@dataclass(frozen=True)
class Part:
    """A piece of the reply: a thought, a text, or the call of a tool with its arguments as JSON text."""

    kind: str
    text: str
    id: str = ""
    name: str = ""


class Frame(NamedTuple):
    """What a stream sends in one go: wire text, and the piece it carries; `bills` when it reports the cost."""

    wire: str
    piece: str = ""
    kind: str = ""
    bills: bool = False


@dataclass
class Call:
    """One chat call. The counts grow while it runs; debited is None until it has ended."""

    id: str
    path: str
    entry: Entry
    body: dict[str, Any]
    asked: Asked
    streams: bool
    faults: Faults
    parts: list[Part]
    input_tokens: int
    created: int
    state: str = RUNNING
    thought_tokens: int = 0
    reply_tokens: int = 0
    said: str = ""
    debited: float | None = None

    @property
    def model(self) -> str:
        """The model as it is called in answers."""
        return self.entry.id

    def count(self, kind: str, piece: str) -> None:
        """Note one token as generated."""
        if kind == THOUGHT:
            self.thought_tokens += 1
            return
        self.reply_tokens += 1
        if kind == TEXT:
            self.said += piece

    @property
    def output_tokens(self) -> int:
        """All that was generated, thoughts too."""
        return self.thought_tokens + self.reply_tokens

    @property
    def reported_input_tokens(self) -> int:
        """What the usage says about the prompt."""
        return 0 if "own-prompt" in self.faults else self.input_tokens

    @property
    def credits(self) -> float:
        """Usage times the entry's prices, to two decimals, at least 0.01; 0 without usage or price."""
        price = self.entry.price
        if price is None or ("no-content" in self.faults):
            return 0.0
        tokens_in = self.input_tokens + (OWN_PROMPT_TOKENS if "own-prompt" in self.faults else 0)
        total = tokens_in * Decimal(str(price["credits"])) + self.output_tokens * Decimal(str(price["output_credits"]))
        rounded = (total / 1_000_000).quantize(SMALLEST_CREDITS, ROUND_HALF_UP)
        return float(max(rounded, SMALLEST_CREDITS))

    def bill(self, name: str, usage: dict[str, Any]) -> dict[str, Any]:
        """Return `{name: usage, "credits_consumed": x}`, without what the faults leave out."""
        if "no-content" in self.faults:
            return {}
        bill: dict[str, Any] = {} if "no-usage" in self.faults else {name: usage}
        return bill if "no-cost" in self.faults else bill | {"credits_consumed": self.credits}


def as_json(call: Call) -> dict[str, Any]:
    """Show a call in the control API."""
    names = ["id", "path", "body", "state", "streams", "faults", "said", "debited"]
    names += ["input_tokens", "thought_tokens", "reply_tokens", "output_tokens"]
    return {"model": call.entry.id, **{name: getattr(call, name) for name in names}}
