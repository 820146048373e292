"""What changed between two input schemas, and taking single changes over. Pure.

Only what decides about requests counts: fields, types, values, limits, defaults and what is required. Titles,
descriptions, the order and our own marks do not.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from generation.catalog.document import LIMITS

Facts = dict[str, dict[str, Any]]
_BRANCHES = ("oneOf", "anyOf")
_LOWER = {"minimum", "exclusiveMinimum", "minLength", "minItems"}


@dataclass(frozen=True)
class Difference:
    """One change of a field. `what` is "new field", "field gone", "new value", "value gone" or a key of the schema."""

    path: str
    what: str
    before: Any
    after: Any

    @property
    def widens(self) -> bool:
        """Whether taking it over lets customers ask for something that they could not ask for before (R-PR8)."""
        if self.what in LIMITS:
            if self.before is None or self.after is None:
                return self.after is None
            return (self.after < self.before) == (self.what in _LOWER)
        opened = self.what == "enum" and self.after is None
        return opened or self.what in ("new field", "new value", "type")

    def __str__(self) -> str:
        match self.what:
            case "new field":
                return f"{self.path}: a new field ({_told(self.after)})"
            case "field gone":
                return f"{self.path}: the field is gone"
            case "new value" | "value gone":
                value = _shown(self.after if self.what == "new value" else self.before)
                return f"{self.path}: new value {value}" if self.what == "new value" else f"{self.path}: no {value} now"
            case "required":
                return f"{self.path}: {'required' if self.after else 'not required any more'}"
        return f"{self.path}: {self.what} {_shown(self.before)} → {_shown(self.after)}"


def facts(schema: dict[str, Any]) -> Facts:
    """What a schema says of every field, by path: "prompt", "image_urls[]", "shots[].prompt"."""
    found: Facts = {}
    for path, field, required in _walk(schema, "", True):
        about = _about(field) | ({"required": True} if required else {})
        found[path] = _merged(found[path], about) if path in found else about
    return found


def _walk(schema: dict[str, Any], path: str, must: bool) -> Iterator[tuple[str, dict[str, Any], bool]]:
    branches = [branch for name in _BRANCHES for branch in schema.get(name, []) if _describes(branch)]
    needed = set(schema.get("required", []))
    for name, field in schema.get("properties", {}).items():
        if "x-alias-of" in field:
            continue
        inner = f"{path}.{name}" if path else name
        yield inner, field, must and name in needed
        yield from _walk(field, inner, True)
    if isinstance(schema.get("items"), dict):
        yield f"{path}[]", schema["items"], False
        yield from _walk(schema["items"], f"{path}[]", True)
    # What only some branches demand is not required; a field that one lacks is not demanded by all.
    demanded = [set(branch.get("required", [])) for branch in branches]
    common = needed | (set.intersection(*demanded) if demanded else set())
    for branch in branches:
        yield from _walk({**branch, "required": sorted(common)}, path, must)


def _describes(branch: dict[str, Any]) -> bool:
    return bool({"type", "properties", "items", "enum", "const", *_BRANCHES} & set(branch))


def _about(field: dict[str, Any]) -> dict[str, Any]:
    branches = [_about(branch) for name in _BRANCHES for branch in field.get(name, []) if _describes(branch)]
    about = {name: field[name] for name in ("default", *LIMITS) if name in field}
    types = field.get("type")
    if types is not None:
        about["type"] = sorted(types) if isinstance(types, list) else [types]
    if "const" in field or "enum" in field:
        about["enum"] = _ordered(field.get("enum", [field.get("const")]))
    for branch in branches:
        about = _merged(about, branch) if "type" in about or "enum" in about else {**branch, **about}
    return about


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What two alternatives allow together."""
    both = {name: value for name, value in one.items() if name in other and other[name] == value}
    for name in ("type", "enum"):
        if name in one and name in other:
            both[name] = _ordered([*one[name], *other[name]])
    return both


def _ordered(values: list[Any]) -> list[Any]:
    return [json.loads(text) for text in sorted({json.dumps(value, sort_keys=True) for value in values})]


def differences(before: Facts, after: Facts) -> list[Difference]:
    """Everything that changed, by path. What is inside a new field, or one that is gone, is not listed again."""
    found: list[Difference] = []
    for path in sorted({*before, *after}):
        if path not in before or path not in after:
            known = after if path not in before else before
            if not any(_inside(path, done.path) for done in found if done.what in ("new field", "field gone")):
                gone = path not in after
                found.append(Difference(path, "field gone" if gone else "new field", before.get(path), known[path]))
        else:
            found += list(_changed(path, before[path], after[path]))
    return found


def _inside(path: str, outer: str) -> bool:
    return path.startswith((f"{outer}.", f"{outer}["))


def _changed(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    for name in ("type", "required", "default", *LIMITS):
        if before.get(name) != after.get(name):
            yield Difference(path, name, before.get(name), after.get(name))
    old, new = before.get("enum"), after.get("enum")
    if (old is None) != (new is None):
        yield Difference(path, "enum", old, new)
    elif old is not None and new is not None:
        yield from (Difference(path, "new value", None, value) for value in new if not _among(value, old))
        yield from (Difference(path, "value gone", value, None) for value in old if not _among(value, new))


def _among(value: Any, values: list[Any]) -> bool:
    """Equal as JSON: True is not 1."""
    return any(type(value) is type(other) and value == other for other in values)


def merge(facts: Facts, before: Facts, after: Facts) -> Facts:
    """`facts` after the step from `before` to `after`, which hold only what changed."""
    return {path: about for path, about in facts.items() if path not in before} | after


def apply(schema: dict[str, Any], changes: list[Difference], source: dict[str, Any]) -> dict[str, Any]:
    """The schema with these changes; new fields are as in `source`. Raises ValueError for what has no place."""
    result = copy.deepcopy(schema)
    for change in changes:
        if change.what == "new field":
            _add(result, change.path, source)
            continue
        places = list(_places(result, change.path))
        if not places:
            raise ValueError(f"{change.path} is not in our schema; change it by hand")
        for parent, holder, key in places:
            _change(parent, holder, key, change)
    return result


def _places(schema: dict[str, Any], path: str) -> Iterator[tuple[dict[str, Any], dict[str, Any], str]]:
    """Wherever a path leads: the object around it, what holds it, and under which key."""
    first, rest = _step(path)
    for variant in (schema, *(branch for name in _BRANCHES for branch in schema.get(name, []))):
        holder, key = (variant, "items") if first == "[]" else (variant.get("properties", {}), first)
        if key in holder:
            if rest:
                yield from _places(holder[key], rest)
            else:
                yield variant, holder, key


def _step(path: str) -> tuple[str, str]:
    if path.startswith("[]"):
        return "[]", path[2:].removeprefix(".")
    ends = [index for index in (path.find("."), path.find("[")) if index > 0]
    end = min(ends, default=len(path))
    return path[:end], path[end:].removeprefix(".")


def _change(parent: dict[str, Any], holder: dict[str, Any], key: str, change: Difference) -> None:
    field = holder[key]
    match change.what:
        case "field gone":
            for name in [name for name, other in holder.items() if name == key or other.get("x-alias-of") == key]:
                del holder[name]
            _require(parent, key, False)
        case "required":
            _require(parent, key, bool(change.after))
        case "new value" if "enum" in field:
            field["enum"].append(change.after)
        case "value gone" if "enum" in field:
            field["enum"] = [value for value in field["enum"] if not _among(value, [change.before])]
            if "default" in field and field["default"] not in field["enum"]:
                field["default"] = field["enum"][0] if field["enum"] else None
        case "new value" | "value gone":
            raise ValueError(f"{change.path} has no list of values in our schema; change it by hand")
        case "type":
            field["type"] = change.after[0] if change.after and len(change.after) == 1 else change.after
        case name if change.after is None:
            field.pop(name, None)
        case name:
            field[name] = change.after


def _require(parent: dict[str, Any], name: str, needed: bool) -> None:
    names = [other for other in parent.get("required", []) if other != name]
    parent["required"] = [*names, name] if needed else names
    if not parent["required"]:
        del parent["required"]


def _add(schema: dict[str, Any], path: str, source: dict[str, Any]) -> None:
    found = next(_places(source, path), None)
    cut = max(path.rfind("."), 0)
    outer, name = path[:cut], path[cut:].removeprefix(".")
    parents = [holder[key] for _, holder, key in _places(schema, outer)] if outer else [schema]
    target = next((parent for parent in parents if "properties" in parent), None)
    if found is None or target is None or name.endswith("[]"):
        raise ValueError(f"{path} has no place in our schema; change it by hand")
    parent, holder, key = found
    target["properties"][name] = copy.deepcopy(holder[key])
    if key in parent.get("required", []):
        _require(target, name, True)


def _told(about: dict[str, Any]) -> str:
    kind = " or ".join(about.get("type", ["any"]))
    values = f", one of {', '.join(map(_shown, about['enum']))}" if "enum" in about else ""
    return f"{kind}{values}{', required' if about.get('required') else ''}"


def _shown(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
