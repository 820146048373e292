"""The hosted checkout page and the 3-D Secure page."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from billing.stripe_simulator import cards, checkout, discounts
from billing.stripe_simulator.errors import ApiError
from billing.stripe_simulator.money import shown
from billing.stripe_simulator.rendering import Html, error, page, part, rows
from billing.stripe_simulator.world import Obj, World

OVER = {
    "complete": ("You have paid", "This checkout session is complete."),
    "expired": ("Too late", "This checkout session has expired."),
}
VERBS = {"payment": "Pay", "setup": "Save card", "subscription": "Subscribe"}


async def show(world: World, request: Request) -> Response:
    """GET /c/pay/{id}."""
    session = world.get("checkout.session", request.path_params["id"])
    if session["status"] != "open":
        heading, words = OVER[session["status"]]
        return page(heading, part("notice.html", heading=heading, words=words), status=410)
    return page("Checkout", _checkout(world, session, dict(request.query_params)), "two")


async def submit(world: World, request: Request) -> Response:
    """POST /c/pay/{id}: a button."""
    session = world.get("checkout.session", request.path_params["id"])
    form = {name: str(value) for name, value in (await request.form()).items()}
    if session["status"] != "open":
        return _to(f"{world.url}/c/pay/{session['id']}")
    how = form.get("how", "pay")
    if how == "cancel":
        return _to(session["cancel_url"] or session["url"])
    try:
        if form.get("promotion_code"):
            checkout.enter_code(world, session, form["promotion_code"])
        return _to(checkout.submit(world, session, how, form.get("card", ""), form.get("email", "")))
    except ApiError as refusal:
        return _to(f"{session['url']}?{urlencode({'error': refusal.body['message']})}")


async def enter_code(world: World, request: Request) -> Response:
    """POST /c/pay/{id}/code: a promotion code, or an empty one to take it off."""
    session = world.get("checkout.session", request.path_params["id"])
    typed = str((await request.form()).get("promotion_code", ""))
    if session["status"] != "open" or not session["allow_promotion_codes"]:
        return _to(f"{world.url}/c/pay/{session['id']}")
    try:
        if typed:
            checkout.enter_code(world, session, typed)
        else:
            checkout.drop_code(world, session)
    except ApiError as refusal:
        return _to(f"{session['url']}?{urlencode({'code_error': refusal.body['message'], 'typed': typed})}")
    return _to(session["url"])


async def show_challenge(world: World, request: Request) -> Response:
    """GET /c/challenge/{intent}."""
    intent = _intent(world, request)
    if intent["status"] != "requires_action":
        return _over(world, intent)
    amount = shown(intent["amount"], intent["currency"]) if "amount" in intent else "Save a card"
    return page("3-D Secure", part("challenge.html", amount=amount))


async def answer_challenge(world: World, request: Request) -> Response:
    """POST /c/challenge/{intent}: how=complete or fail."""
    intent = _intent(world, request)
    if intent["status"] != "requires_action":
        return _over(world, intent)
    proven = (await request.form()).get("how") == "complete"
    try:
        where = checkout.prove(world, intent, proven)
    except ApiError as refusal:
        session = _session(world, intent)
        if session is None:
            return page("3-D Secure", part("notice.html", heading="3-D Secure", words=refusal.body["message"]))
        return _to(f"{session['url']}?{urlencode({'error': refusal.body['message']})}")
    failed = not proven and _session(world, intent)
    words = (intent.get("last_payment_error") or intent.get("last_setup_error") or {}).get("message", "")
    return _to(f"{where}?{urlencode({'error': words})}" if failed else where)


def _checkout(world: World, session: Obj, query: dict[str, str]) -> Html:
    action = f"/c/pay/{session['id']}"
    amounts = checkout.due(world, session)
    total = amounts["amount_total"]
    known = (world.objects.get(session["customer"] or "") or {}).get("email") or session["customer_email"]
    amount = shown(total, session["currency"]) if session["mode"] != "setup" else "Save a card"
    verb = VERBS[session["mode"]] + (f" {amount}" if session["mode"] == "payment" else "")
    options = "".join(f'<option value="{n}">{_spaced(n)} · {card.name}</option>\n' for n, card in cards.CARDS.items())
    return part(
        "checkout.html",
        action=action,
        amount=amount,
        cancel=part("cancel.html", action=action) if session["cancel_url"] else Html(""),
        cards=Html(options),
        code_form=_code_form(world, session, action, query),
        delayed=part("delayed.html") if session["mode"] == "payment" and total else Html(""),
        email=known or checkout.EMAIL,
        email_readonly=Html(" readonly" if known else ""),
        error=error(query.get("error", "")),
        heading={"payment": "Pay", "setup": "Save a card for later", "subscription": "Subscribe"}[session["mode"]],
        lines=_lines(world, session, amounts),
        verb=verb,
    )


def _lines(world: World, session: Obj, amounts: Obj) -> Html:
    if session["mode"] == "setup":
        return Html("")
    currency, details = session["currency"], amounts["total_details"]
    cells: list[tuple[object, object]] = []
    for line in world.aside(session["id"])["lines"]:
        recurring = line["price"]["recurring"]
        every = f" per {recurring['interval']}" if recurring else ""
        cells.append((f"{line['description']} × {line['quantity']}{every}", shown(line["amount_subtotal"], currency)))
    if details["amount_discount"]:
        cells.append(("Discount", shown(-details["amount_discount"], currency)))
    if session["automatic_tax"]["enabled"]:
        cells.append((f"Tax ({world.config.tax_percent} %)", shown(details["amount_tax"], currency)))
    return rows(*cells, total=("Total due", shown(amounts["amount_total"], currency)))


def _code_form(world: World, session: Obj, action: str, query: dict[str, str]) -> Html:
    if not session["allow_promotion_codes"]:
        return Html("")
    _, code = discounts.of_session(world, session)
    if code:
        return part("code_applied.html", action=action, code=code["code"])
    refused = error(query.get("code_error", ""))
    return part("code_form.html", action=action, typed=query.get("typed", ""), error=refused)


def _intent(world: World, request: Request) -> Obj:
    id = request.path_params["id"]
    return world.get("setup_intent" if id.startswith("seti_") else "payment_intent", id, "intent")


def _session(world: World, intent: Obj) -> Obj | None:
    return world.objects.get(world.aside(intent["id"]).get("session") or "")


def _over(world: World, intent: Obj) -> Response:
    session = _session(world, intent)
    if session is not None and session["status"] == "open":
        return _to(session["url"])
    return page("3-D Secure", part("notice.html", heading="3-D Secure", words="There is nothing left to do here."))


def _spaced(number: str) -> str:
    return " ".join(number[index : index + 4] for index in range(0, len(number), 4))


def _to(url: str) -> Response:
    return RedirectResponse(url, 303)
