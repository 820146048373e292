"""The models KIE sells, read from the data files: schema, price and status of each."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from generation.kie.simulator.envelope import Refusal

UNSUPPORTED = "The model name you specified is not supported. Please verify and use a supported model."


@dataclass(frozen=True)
class Entry:
    """One model. `kind` is image, video, music, speech, audio or text; `task` is what it does."""

    id: str
    kind: str
    task: str
    retired: bool
    endpoint: str
    price: dict[str, Any] | None
    defaults: dict[str, Any]
    validator: Draft202012Validator
    callback_required: bool = False

    def knows(self, field: str) -> bool:
        """Return whether the input may have this field."""
        return field in self.validator.schema["properties"]  # type: ignore[index]

    def check(self, values: dict[str, Any]) -> None:
        """Raise Refusal 422 naming the first thing wrong with the input."""
        for error in self.validator.iter_errors(values):
            where = ".".join(str(part) for part in error.absolute_path)
            raise Refusal(422, f"{where}: {error.message}" if where else error.message)


class Catalogue:
    """All entries by family (the data's `api`) and id."""

    def __init__(self, directory: Path) -> None:
        self.serve_retired = False
        self.entries: dict[tuple[str, str], Entry] = {}
        self.raw: dict[str, dict[str, Any]] = {}
        self.changes: dict[str, dict[str, Any]] = {}
        self._shipped: dict[str, dict[str, Any]] = {}
        for path in sorted(Path(directory).glob("*.json")):
            self._shipped |= {raw["id"]: raw for raw in json.loads(path.read_text())["models"]}
        self.restore()

    def restore(self) -> None:
        """Forget all changes."""
        if self.entries and not self.changes:
            return
        self.changes, self.raw = {}, dict(self._shipped)
        self.entries = {(raw["api"], raw["id"]): _entry(raw) for raw in self.raw.values()}

    def change(self, raw: dict[str, Any]) -> None:
        """Sell a model as described from now on, new or known."""
        self.entries[raw["api"], raw["id"]] = _entry(raw)
        self.changes[raw["id"]] = self.raw[raw["id"]] = raw

    def at(self, family: str, endpoint: str = "") -> list[Entry]:
        """Return a family's entries that are for sale, all or those at one path."""
        entries = [entry for (api, _), entry in self.entries.items() if api == family and not entry.retired]
        return [entry for entry in entries if endpoint in ("", entry.endpoint)]

    def get(self, family: str, model: object) -> Entry:
        """Find what is for sale; unknown and retired models are refused alike, with 422.

        With `serve_retired` the retired ones are as they were.
        """
        entry = self.entries.get((family, model)) if isinstance(model, str) else None
        if entry is None or (entry.retired and not self.serve_retired):
            raise Refusal(422, UNSUPPORTED)
        return entry


def _entry(raw: dict[str, Any]) -> Entry:
    properties = raw["input"].get("properties", {})
    return Entry(
        id=raw["id"],
        kind=raw["modality"],
        task=raw["task"],
        retired=raw["status"] == "retired",
        endpoint=raw["endpoint"],
        price=raw["price"],
        defaults={
            name: schema["default"]
            for name, schema in properties.items()
            if "default" in schema and not schema.get("deprecated")
        },
        validator=Draft202012Validator(raw["input"]),
        callback_required=raw.get("callback_required", False),
    )
