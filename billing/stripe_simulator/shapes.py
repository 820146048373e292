"""What every object of a kind has: the fields that are null or fixed until something happens."""

from typing import Any

from billing.stripe_simulator.world import Obj, World, now

_NULLS = {
    "customer": "address default_source description discount email name phone shipping test_clock currency",
    "product": "default_price description package_dimensions shippable statement_descriptor tax_code unit_label url",
    "price": "custom_unit_amount lookup_key nickname recurring tiers_mode transform_quantity",
    "coupon": "amount_off currency duration_in_months max_redemptions name percent_off redeem_by",
    "promotion_code": "customer customer_account expires_at max_redemptions",
    "discount": "checkout_session customer customer_account end invoice invoice_item promotion_code subscription "
    "subscription_item",
    "payment_method": "customer customer_account",
    "payment_intent": "amount_details application application_fee_amount automatic_payment_methods canceled_at "
    "cancellation_reason customer customer_account description last_payment_error latest_charge next_action "
    "on_behalf_of payment_method payment_method_configuration_details processing receipt_email review "
    "setup_future_usage shipping source statement_descriptor statement_descriptor_suffix transfer_data transfer_group",
    "setup_intent": "application automatic_payment_methods cancellation_reason customer customer_account description "
    "flow_directions last_setup_error latest_attempt mandate next_action on_behalf_of payment_method "
    "payment_method_configuration_details single_use_mandate",
    "charge": "application application_fee application_fee_amount authorization_code balance_transaction customer "
    "description failure_balance_transaction failure_code failure_message on_behalf_of outcome payment_intent "
    "payment_method receipt_email receipt_number receipt_url review shipping source source_transfer "
    "statement_descriptor statement_descriptor_suffix transfer_data transfer_group",
    "refund": "balance_transaction charge customer customer_account payment_intent payment_method reason "
    "receipt_number source_transfer_reversal transfer_reversal",
    "dispute": "network_reason_code payment_intent",
    "balance_transaction": "description exchange_rate source",
    "subscription": "application application_fee_percent billing_cycle_anchor_config billing_thresholds cancel_at "
    "canceled_at customer_account days_until_due default_payment_method default_source description ended_at "
    "latest_invoice next_pending_invoice_item_invoice on_behalf_of pause_collection pending_invoice_item_interval "
    "pending_setup_intent pending_update schedule test_clock transfer_data trial_end trial_start",
    "invoice": "account_country account_name account_tax_ids application automatically_finalizes_at billing_reason "
    "custom_fields customer customer_account customer_address customer_email customer_name customer_phone "
    "customer_shipping default_payment_method default_source description due_date effective_at ending_balance footer "
    "from_invoice hosted_invoice_url invoice_pdf last_finalization_error latest_revision next_payment_attempt number "
    "on_behalf_of parent receipt_number rendering shipping_cost shipping_details statement_descriptor test_clock "
    "webhooks_delivered_at",
    "checkout.session": "after_expiration allow_promotion_codes amount_subtotal amount_total "
    "billing_address_collection cancel_url client_reference_id client_secret collected_information consent "
    "consent_collection currency currency_conversion customer customer_account customer_creation customer_details "
    "customer_email invoice invoice_creation locale payment_intent payment_link payment_method_collection "
    "payment_method_configuration_details permissions recovered_from return_url saved_payment_method_options "
    "setup_intent shipping_address_collection shipping_cost submit_type subscription success_url total_details "
    "wallet_options",
    "billing_portal.session": "customer_account flow locale on_behalf_of return_url",
}
_WITHOUT_LIVEMODE = frozenset({"discount", "refund", "balance_transaction"})


def make(world: World, kind: str, prefix: str, **fields: Any) -> Obj:
    """A new object of a kind; not yet kept, so that a refusal on the way leaves nothing behind."""
    obj: Obj = {"id": fields.pop("id", None) or world.new_id(prefix), "object": kind}
    if kind != "discount":
        obj["created"] = now()
    if kind not in _WITHOUT_LIVEMODE:
        obj["livemode"] = False
    return obj | dict.fromkeys(_NULLS[kind].split()) | fields


def billing_details(name: str | None = None, email: str | None = None) -> Obj:
    """Who pays; the simulator asks for no address."""
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {"address": address, "email": email, "name": name, "phone": None, "tax_id": None}
