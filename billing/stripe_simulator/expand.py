"""`expand[]`: ids become objects, and lists that are left out appear (reference: Expanding responses)."""

import copy
from collections.abc import Callable
from typing import Any

from billing.stripe_simulator import invoices, money
from billing.stripe_simulator.errors import invalid
from billing.stripe_simulator.world import Obj, World

DEEPEST = 4


def _lines(world: World, session: Obj) -> Obj:
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return money.empty_list(url, world.aside(session["id"])["lines"])


def _refunds(world: World, charge: Obj) -> Obj:
    rows = [each for each in reversed(world.all("refund")) if each["charge"] == charge["id"]]
    return money.empty_list(f"/v1/charges/{charge['id']}/refunds", rows)


def _subscriptions(world: World, customer: Obj) -> Obj:
    found = [each for each in world.all("subscription") if each["customer"] == customer["id"]]
    rows = [each for each in reversed(found) if each["status"] != "canceled"]
    return money.empty_list(f"/v1/customers/{customer['id']}/subscriptions", rows)


LEFT_OUT: dict[tuple[str, str], Callable[[World, Obj], Obj]] = {
    ("checkout.session", "line_items"): _lines,
    ("charge", "refunds"): _refunds,
    ("customer", "subscriptions"): _subscriptions,
    ("invoice", "payments"): invoices.payments_of,
}


def expanded(world: World, answer: Obj, paths: list[str]) -> Obj:
    """A copy of an answer in which the paths are expanded; refuses what cannot be."""
    answer = copy.deepcopy(answer)
    for path in paths:
        keys = path.split(".")
        if len(keys) > DEEPEST + (keys[0] == "data"):
            raise invalid(f"You cannot expand more than {DEEPEST} levels of a property ({path}).", "expand")
        _walk(world, answer, keys, path)
    return answer


def _walk(world: World, node: Any, keys: list[str], path: str) -> None:
    if isinstance(node, list):
        for each in node:
            _walk(world, each, keys, path)
        return
    if node is None or not keys:
        return
    if not isinstance(node, dict):
        raise _impossible(path)
    key = keys[0]
    make = LEFT_OUT.get((node.get("object", ""), key))
    if make and key not in node:
        node[key] = copy.deepcopy(make(world, node))
    elif key not in node:
        raise _impossible(path)
    node[key] = _opened(world, node[key], path, last=len(keys) == 1)
    _walk(world, node[key], keys[1:], path)


def _opened(world: World, value: Any, path: str, last: bool) -> Any:
    if isinstance(value, str):
        found = world.objects.get(value)
        if found is None and last:
            raise _impossible(path)
        return copy.deepcopy(found) if found is not None else value
    if isinstance(value, list):
        return [_opened(world, each, path, last=False) for each in value]
    if last and isinstance(value, int):
        raise _impossible(path)
    return value


def _impossible(path: str) -> Exception:
    return invalid(f"This property cannot be expanded ({path}).", "expand")
