"""Server-sent events out of bytes as they arrive."""

from dataclasses import dataclass

DONE = "[DONE]"


@dataclass(frozen=True)
class Event:
    """`name` is that of its `event:` line, "" without one."""

    name: str
    data: str


class Events:
    """Cuts a stream into events wherever its bytes happen to be cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are whole with this chunk."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found = [self._line(line.removesuffix(b"\r").decode(errors="replace")) for line in lines]
        return [event for event in found if event]

    def end(self) -> list[Event]:
        """An event that the stream ended in the middle of: some servers leave out the last blank line."""
        return [event for event in [*self.feed(b"\n"), self._line("")] if event]

    def _line(self, line: str) -> Event | None:
        if not line:
            event = Event(self._name, "\n".join(self._data)) if self._data else None
            self._name, self._data = "", []
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None
