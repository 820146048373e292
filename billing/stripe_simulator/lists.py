"""List objects: newest first, cursors, limits, filters."""

from typing import Any

from billing.stripe_simulator.errors import invalid
from billing.stripe_simulator.world import Obj

DEFAULT_LIMIT = 10
LARGEST_LIMIT = 100
_COMPARE = {
    "gt": lambda found, wanted: found > wanted,
    "gte": lambda found, wanted: found >= wanted,
    "lt": lambda found, wanted: found < wanted,
    "lte": lambda found, wanted: found <= wanted,
}


def page(objects: list[Obj], params: Obj, url: str, equal: dict[str, Any] | None = None) -> Obj:
    """One page of objects that are given oldest first; `equal` names what fields must be when it is not null."""
    wanted = {name: value for name, value in (equal or {}).items() if value is not None}
    found = [each for each in reversed(objects) if all(each.get(name) == value for name, value in wanted.items())]
    if "created" in params:
        found = [each for each in found if _is_in(each["created"], params["created"])]
    limit = DEFAULT_LIMIT if params.get("limit") is None else params["limit"]
    if not 1 <= limit <= LARGEST_LIMIT:
        raise invalid("Invalid integer: limit must be between 1 and 100", "limit", "parameter_invalid_integer")
    rows, more = _cut(found, params, limit)
    return {"object": "list", "data": rows, "has_more": more, "url": url}


def _cut(found: list[Obj], params: Obj, limit: int) -> tuple[list[Obj], bool]:
    if params.get("ending_before"):
        before = found[: _index(found, params["ending_before"], "ending_before")]
        return before[-limit:], len(before) > limit
    if params.get("starting_after"):
        found = found[_index(found, params["starting_after"], "starting_after") + 1 :]
    return found[:limit], len(found) > limit


def _index(found: list[Obj], id: str, param: str) -> int:
    for index, each in enumerate(found):
        if each["id"] == id:
            return index
    raise invalid(f"No such object: '{id}'", param, "resource_missing")


def _is_in(created: int, wanted: int | dict[str, int]) -> bool:
    if isinstance(wanted, int):
        return created == wanted
    return all(_COMPARE[name](created, value) for name, value in wanted.items() if name in _COMPARE)
