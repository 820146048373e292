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
    price: dict[str, Any] | None
    defaults: dict[str, Any]
    validator: Draft202012Validator

    def check(self, values: dict[str, Any]) -> None:
        """Raise Refusal 422 naming the first thing wrong with the input."""
        for error in self.validator.iter_errors(values):
            where = ".".join(str(part) for part in error.absolute_path)
            raise Refusal(422, f"{where}: {error.message}" if where else error.message)


class Catalogue:
    """All entries by family (the data's `api`) and id."""

    def __init__(self, directory: Path) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        for path in sorted(Path(directory).glob("*.json")):
            for raw in json.loads(path.read_text())["models"]:
                self.entries[raw["api"], raw["id"]] = _entry(raw)

    def get(self, family: str, model: object) -> Entry:
        """Find what is for sale; unknown and retired models are refused alike, with 422."""
        entry = self.entries.get((family, model)) if isinstance(model, str) else None
        if entry is None or entry.retired:
            raise Refusal(422, UNSUPPORTED)
        return entry


def _entry(raw: dict[str, Any]) -> Entry:
    properties = raw["input"].get("properties", {})
    return Entry(
        id=raw["id"],
        kind=raw["modality"],
        task=raw["task"],
        retired=raw["status"] == "retired",
        price=raw["price"],
        defaults={
            name: schema["default"]
            for name, schema in properties.items()
            if "default" in schema and not schema.get("deprecated")
        },
        validator=Draft202012Validator(raw["input"]),
    )
