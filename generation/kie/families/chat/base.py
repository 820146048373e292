"""What the dialects share: our normal form of a request, and what a reply consists of."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from generation.kie.families.base import Answer, millicredits
from generation.kie.families.chat import errors

STOP, LENGTH, TOOL_CALLS, FILTERED = "stop", "length", "tool_calls", "content_filter"
# What a customer may ask for, from the least to the most.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


class Unsupported(ValueError):
    """A request that cannot be made of this model, or of any; `field` is where, in the customer's own body."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Target:
    """The model that is asked: `schema` is what its page documents."""

    model: str
    endpoint: str
    schema: dict[str, Any]

    def field(self, *path: str) -> dict[str, Any] | None:
        """The schema of a field that the model documents, None for one that it does not."""
        schema: Any = self.schema
        for name in path:
            schema = schema.get("properties", {}).get(name)
            if schema is None:
                return None
        return schema

    def effort(self, wanted: str | None, *path: str) -> str | None:
        """The documented word nearest to the wanted effort, else the default: it moves the price (R-UP2)."""
        documented = self.field(*path) or {}
        words = documented.get("enum", [])
        if wanted is None or not words:
            return documented.get("default")
        place = EFFORTS.index(wanted)
        return min(words, key=lambda word: (abs(EFFORTS.index(word) - place), -EFFORTS.index(word)))


@dataclass(frozen=True)
class Ask:
    """A conversation in our one normal form: messages and tools as OpenAI's chat completions have them.

    Roles are system, user, assistant and tool; `content` is a text or a list of text and image_url parts.
    """

    messages: list[dict[str, Any]]
    stream: bool = True
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: str | dict[str, Any] | None = None
    max_tokens: int | None = None
    effort: str | None = None
    # A JSON Schema as `{"name", "schema", "strict"}`.
    shape: dict[str, Any] | None = None

    @property
    def system(self) -> str:
        """The instructions, wherever they stand among the messages."""
        return "\n\n".join(text_of(turn["content"]) for turn in self.messages if turn["role"] == "system")

    @property
    def turns(self) -> list[dict[str, Any]]:
        """The conversation without the instructions."""
        return [turn for turn in self.messages if turn["role"] != "system"]


def parts_of(content: Any) -> list[dict[str, Any]]:
    """The content of a message as parts."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content or []


def text_of(content: Any) -> str:
    """The texts of a message's content."""
    return "\n".join(part["text"] for part in parts_of(content) if part["type"] == "text")


@dataclass(frozen=True)
class Delta:
    """A piece of the reply's text."""

    text: str


@dataclass(frozen=True)
class Thought:
    """A piece of the model's reasoning."""

    text: str


@dataclass(frozen=True)
class ToolCall:
    """A piece of a call that the model wants made: the first of an `index` has id and name, others arguments."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


Said = Delta | Thought | ToolCall


@dataclass(frozen=True)
class Usage:
    """Tokens. `input` includes what was read from and written to a cache, `output` the thoughts."""

    input: int
    output: int
    cached: int = 0
    cache_written: int = 0


class Reader:
    """Reads one reply, event by event or whole; what it learns about the reply as a whole it keeps."""

    usage: Usage | None = None
    cost_millicredits: int | None = None
    finish_reason: str = ""
    # Whether the reply came to its end, and did not break off.
    complete: bool = False

    def event(self, data: Any) -> list[Said]:
        """What one event of a stream says. Raises KieError for an error; never for what it does not know."""
        self._account(data)
        return self.said(data) if isinstance(data, dict) else []

    def body(self, answer: Answer) -> list[Said]:
        """What a whole body says. Raises KieError for an error. Gemini may give the chunks of a stream as a list."""
        bodies = answer.body if isinstance(answer.body, list) and answer.body else [answer.body]
        found: list[Said] = []
        for body in bodies:
            if (error := errors.failure(answer.status, body, answer.text)) is not None:
                raise error
            self._account(body)
            found += self.whole(body)
        self.complete = True
        return found

    def _account(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        if (error := errors.of_event(data)) is not None:
            raise error
        for place in (data, data.get("response"), data.get("message")):
            if isinstance(place, dict) and (cost := millicredits(place.get("credits_consumed"))) is not None:
                self.cost_millicredits = cost

    def said(self, data: dict[str, Any]) -> list[Said]:
        """What an event of a stream says."""
        raise NotImplementedError

    def whole(self, body: dict[str, Any]) -> list[Said]:
        """What a whole body says."""
        raise NotImplementedError


def count(value: Any) -> int:
    """A number of tokens as KIE gives it; 0 for anything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9 else 0


def obj(value: Any) -> dict[str, Any]:
    """An object of KIE's, empty where it gave none."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """A list of KIE's objects, without what is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    """The texts in a list of KIE's parts."""
    return [piece for part in objects(value) if (piece := text(part.get("text")))]


def data_url(content_type: Any, data: Any) -> str:
    return f"data:{content_type};base64,{data}"


def of_data_url(url: str) -> tuple[str, str]:
    """Content type and base64 text of a data URL. Raises ValueError for anything else."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise ValueError("not a data URL in base64")
    return head.removeprefix("data:").removesuffix(";base64"), data


def decoded(url: str) -> bytes:
    """The content of a data URL. Raises ValueError."""
    try:
        return base64.b64decode(of_data_url(url)[1], validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error
