"""Events by API (reference: Core resources, Events): how to find what no webhook has told."""

from billing.stripe_simulator import lists, schema
from billing.stripe_simulator.errors import invalid
from billing.stripe_simulator.world import Obj, World

LIST = {**schema.PAGE, "delivery_success": schema.boolean, "type": schema.text, "types": [schema.text]}


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("event", ids["id"])


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """By type, types (`charge.*` matches many) and whether all webhooks were delivered."""
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.", "types")
    wanted = params.get("types") or ([params["type"]] if params.get("type") else [])
    found = [each for each in world.all("event") if not wanted or any(_fits(each["type"], name) for name in wanted)]
    if "delivery_success" in params:
        found = [each for each in found if (each["pending_webhooks"] == 0) == params["delivery_success"]]
    return lists.page(found, params, "/v1/events")


def _fits(type: str, wanted: str) -> bool:
    return type == wanted or (wanted.endswith("*") and type.startswith(wanted[:-1]))
