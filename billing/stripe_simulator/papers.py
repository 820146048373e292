"""Receipts, invoices and the billing portal: pages about what has been paid."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from billing.stripe_simulator import invoices, payment_methods, pdf, subscriptions
from billing.stripe_simulator.errors import ApiError
from billing.stripe_simulator.money import shown
from billing.stripe_simulator.rendering import Html, button, error, link, page, part, rows
from billing.stripe_simulator.world import Obj, World


async def receipt(world: World, request: Request) -> Response:
    """GET /receipts/{charge}."""
    charge = world.get("charge", request.path_params["id"])
    currency = charge["currency"]
    cells: list[tuple[object, object]] = [("Charge", charge["id"]), ("Status", charge["status"])]
    cells.append(("Paid with", _method_name(charge["payment_method_details"])))
    if charge["amount_refunded"]:
        cells.append(("Refunded", shown(charge["amount_refunded"], currency)))
    return page("Receipt", part("receipt.html", amount=shown(charge["amount"], currency), rows=rows(*cells)))


async def invoice(world: World, request: Request) -> Response:
    """GET /i/{invoice}."""
    obj = world.get("invoice", request.path_params["id"])
    cells = [(line["description"], shown(line["amount"], obj["currency"])) for line in obj["lines"]["data"]]
    taken = obj["subtotal"] - obj["total_excluding_tax"]
    if taken > 0:
        cells.append(("Discount", shown(-taken, obj["currency"])))
    if obj["total"] != obj["total_excluding_tax"]:
        cells.append(("Tax", shown(obj["total"] - obj["total_excluding_tax"], obj["currency"])))
    amount = shown(obj["total"], obj["currency"])
    pay = button(f"/i/{obj['id']}", "Pay this invoice") if obj["status"] == "open" else Html("")
    content = part(
        "invoice.html",
        number=obj["number"],
        status=obj["status"],
        amount=amount,
        rows=rows(*cells, total=("Total", amount)),
        pdf=f"/i/{obj['id']}/pdf",
        pay=error(request.query_params.get("error", "")) + pay if pay else pay,
    )
    return page(f"Invoice {obj['number']}", content)


async def pay_invoice(world: World, request: Request) -> Response:
    """POST /i/{invoice}: pay an open one with the card of its subscription."""
    obj = world.get("invoice", request.path_params["id"])
    if obj["status"] != "open":
        return RedirectResponse(f"/i/{obj['id']}", 303)
    try:
        invoices.attempt(world, obj)
    except ApiError:
        return RedirectResponse(f"/i/{obj['id']}?error=Your+card+was+declined.", 303)
    subscriptions.recover(world, obj)
    return RedirectResponse(f"/i/{obj['id']}", 303)


async def invoice_pdf(world: World, request: Request) -> Response:
    """GET /i/{invoice}/pdf."""
    obj = world.get("invoice", request.path_params["id"])
    words = [f"Invoice {obj['number']}", f"Status: {obj['status']}"]
    words += [f"{line['description']}: {line['amount']} {obj['currency']}" for line in obj["lines"]["data"]]
    words.append(f"Total: {obj['total']} {obj['currency']}")
    headers = {"Content-Disposition": f'attachment; filename="{obj["number"]}.pdf"'}
    return Response(pdf.document(words), headers=headers, media_type="application/pdf")


async def portal(world: World, request: Request) -> Response:
    """GET /p/session/{id}."""
    session = world.get("billing_portal.session", request.path_params["id"])
    customer = world.get("customer", session["customer"])
    here, back = f"/p/session/{session['id']}", session["return_url"]
    mine = [each for each in world.all("payment_method") if each["customer"] == customer["id"]]
    plans = [each for each in world.all("subscription") if each["customer"] == customer["id"]]
    papers = [each for each in reversed(world.all("invoice")) if each["customer"] == customer["id"]]
    content = part(
        "portal.html",
        customer=customer["name"] or customer["email"] or customer["id"],
        back=Html(f"<p>{link(back, 'Back to where you came from')}</p>") if back else Html(""),
        subscriptions=_table([(_plan(each), _plan_button(here, each)) for each in plans], "No subscription."),
        cards=_table([(_card(each), _remove(here, each)) for each in mine], "No saved cards."),
        invoices=_table([(_paper(each), shown(each["total"], each["currency"])) for each in papers], "No invoices."),
    )
    return page("Billing", content)


async def act_in_portal(world: World, request: Request) -> Response:
    """POST /p/session/{id}: how=remove, cancel or resume, about one of the customer's own things."""
    session = world.get("billing_portal.session", request.path_params["id"])
    form = await request.form()
    how, about = form.get("how"), world.objects.get(str(form.get("about"))) or {}
    if about.get("customer") == session["customer"]:
        if how == "remove" and about["object"] == "payment_method":
            payment_methods.detach(world, {}, {"id": about["id"]})
        elif how in ("cancel", "resume") and about["object"] == "subscription":
            ends = {"cancel_at_period_end": how == "cancel"}
            subscriptions.update(world, ends, {"id": about["id"]})
    return RedirectResponse(f"/p/session/{session['id']}", 303)


def _table(cells: list[tuple[object, object]], nothing: str) -> Html:
    return Html(f'<table class="lines">{rows(*cells)}</table>' if cells else f"<p>{nothing}</p>")


def _plan(subscription: Obj) -> str:
    item = subscription["items"]["data"][0]
    price = shown(item["price"]["unit_amount"] * item["quantity"], subscription["currency"])
    state = "ends with the period" if subscription["cancel_at_period_end"] else subscription["status"]
    return f"{price} per {item['price']['recurring']['interval']} ({state})"


def _plan_button(here: str, subscription: Obj) -> Html:
    if subscription["status"] == "canceled":
        return Html("")
    if subscription["cancel_at_period_end"]:
        return button(here, "Keep plan", how="resume", about=subscription["id"])
    return button(here, "Cancel plan", how="cancel", about=subscription["id"])


def _card(method: Obj) -> str:
    return _method_name(payment_methods.details(method))


def _remove(here: str, method: Obj) -> Html:
    return button(here, "Remove", how="remove", about=method["id"])


def _paper(invoice: Obj) -> Html:
    return Html(f"{link(invoice['hosted_invoice_url'] or '#', invoice['number'] or 'Draft')} {invoice['status']}")


def _method_name(details: Obj) -> str:
    method = details[details["type"]]
    return f"{method.get('brand', details['type']).replace('_', ' ').title()} •••• {method['last4']}"
