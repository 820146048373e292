"""Every path of the API with the parameters that it takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from billing.stripe_simulator import (
    balance,
    catalogue,
    charges,
    customers,
    discounts,
    disputes,
    events,
    intents,
    invoices,
    payment_methods,
    portal,
    refunds,
    schema,
    sessions,
    setup_intents,
    subscriptions,
)
from billing.stripe_simulator.world import Obj, World


@dataclass(frozen=True)
class Endpoint:
    """act(world, parameters, ids of the path) returns the answer or raises ApiError."""

    method: str
    path: str
    act: Callable[[World, Obj, Obj], Obj]
    schema: dict[str, Any] = field(default_factory=dict)


E = Endpoint
ENDPOINTS = [
    E("POST", "/v1/customers", customers.create, customers.CREATE),
    E("GET", "/v1/customers", customers.listed, customers.LIST),
    E("GET", "/v1/customers/{id}", customers.retrieve),
    E("POST", "/v1/customers/{id}", customers.update, customers.UPDATE),
    E("DELETE", "/v1/customers/{id}", customers.delete),
    E("GET", "/v1/customers/{id}/payment_methods", payment_methods.listed, payment_methods.LIST),
    E("POST", "/v1/products", catalogue.create_product, catalogue.CREATE_PRODUCT),
    E("GET", "/v1/products", catalogue.list_products, catalogue.LIST_PRODUCTS),
    E("GET", "/v1/products/{id}", catalogue.retrieve_product),
    E("POST", "/v1/products/{id}", catalogue.update_product, catalogue.PRODUCT),
    E("POST", "/v1/prices", catalogue.create_price, catalogue.CREATE_PRICE),
    E("GET", "/v1/prices", catalogue.list_prices, catalogue.LIST_PRICES),
    E("GET", "/v1/prices/{id}", catalogue.retrieve_price),
    E("POST", "/v1/prices/{id}", catalogue.update_price, catalogue.UPDATE_PRICE),
    E("POST", "/v1/coupons", discounts.create_coupon, discounts.CREATE_COUPON),
    E("GET", "/v1/coupons", discounts.list_coupons, schema.PAGE),
    E("GET", "/v1/coupons/{id}", discounts.retrieve_coupon),
    E("DELETE", "/v1/coupons/{id}", discounts.delete_coupon),
    E("POST", "/v1/promotion_codes", discounts.create_code, discounts.CREATE_CODE),
    E("GET", "/v1/promotion_codes", discounts.list_codes, discounts.LIST_CODES),
    E("GET", "/v1/promotion_codes/{id}", discounts.retrieve_code),
    E("POST", "/v1/promotion_codes/{id}", discounts.update_code, discounts.UPDATE_CODE),
    E("POST", "/v1/checkout/sessions", sessions.create, sessions.CREATE),
    E("GET", "/v1/checkout/sessions", sessions.listed, sessions.LIST),
    E("GET", "/v1/checkout/sessions/{id}", sessions.retrieve),
    E("POST", "/v1/checkout/sessions/{id}", sessions.update, sessions.UPDATE),
    E("GET", "/v1/checkout/sessions/{id}/line_items", sessions.line_items, schema.PAGE),
    E("POST", "/v1/checkout/sessions/{id}/expire", sessions.expire),
    E("POST", "/v1/payment_intents", intents.create, intents.CREATE),
    E("GET", "/v1/payment_intents", intents.listed, intents.LIST),
    E("GET", "/v1/payment_intents/{id}", intents.retrieve),
    E("POST", "/v1/payment_intents/{id}", intents.update, intents.UPDATE),
    E("POST", "/v1/payment_intents/{id}/confirm", intents.confirm, intents.CONFIRM),
    E("POST", "/v1/payment_intents/{id}/cancel", intents.cancel, intents.CANCEL),
    E("GET", "/v1/setup_intents", setup_intents.listed, setup_intents.LIST),
    E("GET", "/v1/setup_intents/{id}", setup_intents.retrieve),
    E("POST", "/v1/payment_methods", payment_methods.create, payment_methods.CREATE),
    E("GET", "/v1/payment_methods", payment_methods.listed, payment_methods.LIST),
    E("GET", "/v1/payment_methods/{id}", payment_methods.retrieve),
    E("POST", "/v1/payment_methods/{id}", payment_methods.update, payment_methods.UPDATE),
    E("POST", "/v1/payment_methods/{id}/attach", payment_methods.attach, payment_methods.ATTACH),
    E("POST", "/v1/payment_methods/{id}/detach", payment_methods.detach),
    E("GET", "/v1/charges", charges.listed, charges.LIST),
    E("GET", "/v1/charges/{id}", charges.retrieve),
    E("POST", "/v1/refunds", refunds.create, refunds.CREATE),
    E("GET", "/v1/refunds", refunds.listed, refunds.LIST),
    E("GET", "/v1/refunds/{id}", refunds.retrieve),
    E("POST", "/v1/refunds/{id}", refunds.update, refunds.UPDATE),
    E("GET", "/v1/disputes", disputes.listed, disputes.LIST),
    E("GET", "/v1/disputes/{id}", disputes.retrieve),
    E("POST", "/v1/disputes/{id}", disputes.update, disputes.UPDATE),
    E("POST", "/v1/disputes/{id}/close", disputes.give_up),
    E("GET", "/v1/subscriptions", subscriptions.listed, subscriptions.LIST),
    E("GET", "/v1/subscriptions/{id}", subscriptions.retrieve),
    E("POST", "/v1/subscriptions/{id}", subscriptions.update, subscriptions.UPDATE),
    E("DELETE", "/v1/subscriptions/{id}", subscriptions.cancel, subscriptions.CANCEL),
    E("GET", "/v1/invoices", invoices.listed, invoices.LIST),
    E("GET", "/v1/invoices/{id}", invoices.retrieve),
    E("POST", "/v1/invoices/{id}/pay", invoices.pay),
    E("GET", "/v1/invoice_payments", invoices.list_payments, invoices.LIST_PAYMENTS),
    E("POST", "/v1/billing_portal/sessions", portal.create, portal.CREATE),
    E("GET", "/v1/events", events.listed, events.LIST),
    E("GET", "/v1/events/{id}", events.retrieve),
    E("GET", "/v1/balance", balance.show),
    E("GET", "/v1/balance_transactions", balance.listed, balance.LIST),
    E("GET", "/v1/balance_transactions/{id}", balance.retrieve),
]
