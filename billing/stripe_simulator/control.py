"""The control API under /_sim: look inside, press on, make things fail. It needs no key."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from billing.stripe_simulator import checkout, disputes, payment_methods, subscriptions
from billing.stripe_simulator.errors import ApiError, invalid
from billing.stripe_simulator.world import Obj, World

TOTALS = (
    *("charges", "paid", "refunds", "refunded", "fees", "net"),
    *("disputes", "disputed", "disputes_lost", "disputes_won"),
)
Action = Callable[[World, Request, Obj], object]


def mount(world: World, reset: Callable[[], None]) -> Mount:
    """Return the control API; reset also stops what is on its way."""

    def start_over(_world: World, _request: Request, _body: Obj) -> object:
        reset()
        return {}

    actions: list[tuple[str, str, Action]] = [
        ("GET", "/state", show_state),
        ("GET", "/totals", show_totals),
        ("GET", "/requests", show_requests),
        ("GET", "/events", show_events),
        ("GET", "/deliveries", show_deliveries),
        ("POST", "/events", emit),
        ("POST", "/events/{id}/resend", resend),
        ("POST", "/objects/{id}", tamper),
        ("POST", "/webhook", set_webhook),
        ("POST", "/sessions/{id}/settle", settle),
        ("POST", "/customers/{id}/cards", save_card),
        ("POST", "/disputes", open_dispute),
        ("POST", "/disputes/{id}/close", close_dispute),
        ("POST", "/subscriptions/{id}/advance", advance),
        ("GET", "/faults", show_faults),
        ("POST", "/faults", set_faults),
        ("DELETE", "/faults", clear_faults),
        ("POST", "/reset", start_over),
    ]
    return Mount("/_sim", routes=[Route(path, _edge(world, act), methods=[verb]) for verb, path, act in actions])


def show_state(world: World, _request: Request, _body: Obj) -> object:
    """How many objects there are by kind, what waits, where webhooks go."""
    kinds = Counter(obj["object"] for obj in world.objects.values())
    plans = {name: len(world.agenda.open(name)) for name in ("deliver", "settle", "refund", "expire")}
    return {"objects": kinds, "waiting": plans["deliver"], "planned": plans, "webhook": world.webhook["url"]}


def show_totals(world: World, _request: Request, _body: Obj) -> object:
    """Money by currency, in its smallest unit: what reconciliation must come to."""
    totals: dict[str, Counter[str]] = {}

    def add(obj: Obj, name: str, amount: int) -> None:
        totals.setdefault(obj["currency"], Counter(dict.fromkeys(TOTALS, 0)))[name] += amount

    for charge in world.all("charge"):
        if charge["paid"]:
            add(charge, "paid", charge["amount"])
            add(charge, "charges", 1)
    for refund in world.all("refund"):
        if refund["status"] != "failed":
            add(refund, "refunded", refund["amount"])
            add(refund, "refunds", 1)
    for dispute in world.all("dispute"):
        name = {"won": "disputes_won", "lost": "disputes_lost"}.get(dispute["status"], "disputed")
        add(dispute, name, dispute["amount"])
        add(dispute, "disputes", 1)
    for each in world.all("balance_transaction"):
        add(each, "fees", each["fee"])
        add(each, "net", each["net"])
    return totals


def show_requests(world: World, request: Request, _body: Obj) -> object:
    """The newest API calls, oldest first; ?path= filters by substring."""
    wanted = request.query_params.get("path", "")
    return [each for each in world.requests if wanted in each["path"]]


def show_events(world: World, request: Request, _body: Obj) -> object:
    """Every event, oldest first; ?type= filters by substring."""
    wanted = request.query_params.get("type", "")
    return [each for each in world.all("event") if wanted in each["type"]]


def show_deliveries(world: World, request: Request, _body: Obj) -> object:
    """Every delivery attempt, oldest first; ?type= filters by substring."""
    wanted = request.query_params.get("type", "")
    return [each for each in world.deliveries if wanted in each["type"]]


def resend(world: World, request: Request, _body: Obj) -> object:
    """Deliver an event once more, whatever was delivered before."""
    event = world.get("event", request.path_params["id"])
    world.agenda.plan("deliver", event=event["id"], attempt=0, forms=[])
    return {"event": event["id"]}


def emit(world: World, _request: Request, body: Obj) -> object:
    """{"type", "object"}: an event that has not happened, sent and signed like any other."""
    return world.emit(str(body["type"]), dict(body["object"]), wanted=True)


def tamper(world: World, request: Request, body: Obj) -> object:
    """Change fields of an object behind its back: {"amount_total": 1}."""
    obj = world.objects[request.path_params["id"]]
    world.change(obj, **body)
    return obj


def set_webhook(world: World, _request: Request, body: Obj) -> object:
    """{"url", "secret"?, "events"?}: where events go from now on."""
    secret = body.get("secret") or world.config.webhook_secret
    world.send_webhooks_to(str(body["url"]), str(secret), str(body.get("events", "")))
    return {"url": body["url"]}


def settle(world: World, request: Request, body: Obj) -> object:
    """{"outcome": "succeeded" | "failed"}: a delayed payment ends now."""
    session = world.get("checkout.session", request.path_params["id"])
    intent = world.objects.get(session["payment_intent"] or "")
    if intent is None or intent["status"] != "processing":
        raise invalid("This session has no payment that is processing")
    if body["outcome"] not in ("succeeded", "failed"):
        raise ValueError("outcome is succeeded or failed")
    for item in world.agenda.open("settle"):
        if item.about["intent"] == intent["id"]:
            world.agenda.drop(item)
    checkout.settle(world, intent["id"], body["outcome"])
    return session


def save_card(world: World, request: Request, body: Obj) -> object:
    """{"number"}: attach a test card and make it the default; 3-D Secure has not been done for it."""
    customer = world.get("customer", request.path_params["id"])
    method = payment_methods.new_card(world, str(body["number"]), customer["email"])
    payment_methods.save(world, method, customer["id"])
    settings = {**customer["invoice_settings"], "default_payment_method": method["id"]}
    world.change(customer, invoice_settings=settings)
    return method


def open_dispute(world: World, _request: Request, body: Obj) -> object:
    """{"payment": charge or payment intent, "amount"?, "reason"?}."""
    payment = world.objects.get(str(body["payment"])) or {}
    charge = world.get("charge", payment.get("latest_charge") or str(body["payment"]), "payment")
    return disputes.open_about(world, charge, body.get("amount"), body.get("reason") or "fraudulent")


def close_dispute(world: World, request: Request, body: Obj) -> object:
    """{"status": "won" | "lost"}."""
    return disputes.close(world, world.get("dispute", request.path_params["id"]), str(body["status"]))


def advance(world: World, request: Request, body: Obj) -> object:
    """{"outcome": "paid" | "failed" | ""}: the period of a subscription ends now."""
    outcome = str(body.get("outcome") or "")
    if outcome not in ("", "paid", "failed"):
        raise ValueError("outcome is paid or failed")
    return subscriptions.advance(world, world.get("subscription", request.path_params["id"]), outcome)


def show_faults(world: World, _request: Request, _body: Obj) -> object:
    """What is armed, the rates, and all that exist."""
    return world.armoury.as_json()


def set_faults(world: World, _request: Request, body: Obj) -> object:
    """{"name", "count"?, "path"?, "type"?} arms one; {"rates": {…}} sets how often things go wrong."""
    if "rates" in body:
        world.armoury.set_rates(body["rates"])
        return {"rates": world.armoury.rates}
    count, path, type = int(body.get("count", 1)), str(body.get("path", "")), str(body.get("type", ""))
    return asdict(world.armoury.arm(str(body["name"]), count, path, type))


def clear_faults(world: World, _request: Request, _body: Obj) -> object:
    """Nothing goes wrong any more."""
    world.armoury.clear()
    return {}


def _edge(world: World, act: Action) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        raw = await request.body()
        status: int = 200
        answer: Any
        try:
            answer = act(world, request, json.loads(raw) if raw else {})
        except ApiError as error:
            status, answer = error.status, error.as_json("")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        world.store.flush()
        return Response(json.dumps(answer), status, media_type="application/json")

    return serve
