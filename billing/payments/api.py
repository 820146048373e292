"""The REST API of buying credits: what is sold, a page to pay on, codes."""

import uuid
from typing import Any

from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import idempotency
from accounts.api import ApiView, user_of
from accounts.errors import Refused
from accounts.models import User
from billing import currency
from billing.amounts import format_credits, parse_credits
from billing.models import CreditPack, Payment, Wallet
from billing.payments import checkout, minor, redeem

LONGEST_KEY = 200
KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key begins one checkout")


class Credits(serializers.CharField):
    """Credits as a decimal string; its value is in millicredits."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return parse_credits(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(f"This {error}.", code="invalid") from None


class PackOut(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    credits = serializers.CharField(help_text="All that come, the bonus included")
    bonus = serializers.CharField()
    price = serializers.CharField()
    currency = serializers.CharField()
    lasts_days = serializers.IntegerField(allow_null=True, help_text="How long the credits can be used; null: for ever")


class CustomOut(serializers.Serializer):
    smallest = serializers.CharField()
    largest = serializers.CharField()
    credit_price = serializers.CharField()
    currency = serializers.CharField()


class PacksOut(serializers.Serializer):
    packs = PackOut(many=True)
    custom = CustomOut()


def pack_out(pack: CreditPack) -> dict[str, Any]:
    """A pack as JSON."""
    return {
        "id": pack.pk,
        "name": pack.name,
        "credits": format_credits(pack.total_millicredits),
        "bonus": format_credits(pack.bonus_millicredits),
        "price": minor.plain(pack.price_minor, pack.currency),
        "currency": pack.currency,
        "lasts_days": pack.lasts_days,
    }


class Packs(ApiView):
    @extend_schema(responses=PacksOut)
    def get(self, request: Request) -> Response:
        """The packs that are sold, and what a custom amount may be."""
        allowed = checkout.limits()
        custom = {"smallest": format_credits(allowed.smallest), "largest": format_credits(allowed.largest)}
        custom |= {"credit_price": currency.exact(1000), "currency": settings.CURRENCY}
        return Response({"packs": [pack_out(pack) for pack in checkout.packs()], "custom": custom})


class CheckoutIn(serializers.Serializer):
    pack = serializers.IntegerField(required=False, min_value=1, max_value=2**31)
    credits = Credits(required=False, help_text='A custom amount, such as "1500"')

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Give either a pack or credits.")
        return attrs


class CheckoutOut(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(Payment.State.choices)
    url = serializers.CharField(allow_null=True, help_text="Where to pay, in a browser; null once it is over")
    credits = serializers.CharField()
    price = serializers.CharField(help_text="Before promotion codes and taxes")
    currency = serializers.CharField()
    receipt_url = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


def checkout_out(payment: Payment) -> dict[str, Any]:
    """A payment as JSON."""
    return {
        "id": payment.pk,
        "state": payment.state,
        "url": payment.url or None if payment.state == Payment.State.OPEN else None,
        "credits": format_credits(payment.credits_millicredits),
        "price": minor.plain(payment.amount_minor, payment.currency),
        "currency": payment.currency,
        "receipt_url": payment.receipt_url or None,
        "created_at": payment.created_at,
        "expires_at": payment.ends_at,
    }


class Checkouts(ApiView):
    @extend_schema(request=CheckoutIn, responses={201: CheckoutOut}, parameters=[KEY])
    def post(self, request: Request) -> Response:
        """Begin to buy a pack or a custom amount; who pays opens `url` in a browser."""
        asked = CheckoutIn(data=request.data)
        asked.is_valid(raise_exception=True)
        payment = _begin_once(user_of(request), asked.validated_data, idempotency.key_of(request, LONGEST_KEY))
        # Stripe is called when the row is there, and never inside its transaction.
        checkout.open_page(payment)
        payment.refresh_from_db()
        return Response(checkout_out(payment), status=201)


def _begin_once(user: User, asked: dict[str, Any], key: str) -> Payment:
    if not key:
        return _begin(user, asked)
    made = idempotency.once(user, f"checkout:{key}", lambda: str(_begin(user, asked).pk))
    payment = Payment.objects.get(pk=made)
    same = payment.pack_id == asked["pack"] if "pack" in asked else payment.credits_millicredits == asked["credits"]
    if not same:
        message = "This Idempotency-Key was used for another request; use a new key."
        raise Refused("idempotency_key_reused", message, status=422)
    return payment


def _begin(user: User, asked: dict[str, Any]) -> Payment:
    if "credits" in asked:
        return checkout.begin_custom(user, asked["credits"])
    pack = CreditPack.objects.filter(pk=asked["pack"], active=True).first()
    if pack is None:
        raise Refused("pack_not_sold", "There is no such pack.", status=404, field="pack")
    return checkout.begin_pack(user, pack)


class Checkout(ApiView):
    @extend_schema(responses=CheckoutOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What has become of a checkout; `paid` means that its credits can be spent."""
        return Response(checkout_out(checkout.fresh(get_object_or_404(Payment, pk=pk, user=user_of(request)))))


class RedeemIn(serializers.Serializer):
    code = serializers.CharField(max_length=100)


class RedeemOut(serializers.Serializer):
    credits = serializers.CharField(help_text="What the code was worth")
    available = serializers.CharField(help_text="What can be spent now")


class Redeem(ApiView):
    @extend_schema(request=RedeemIn, responses=RedeemOut)
    def post(self, request: Request) -> Response:
        """Redeem a code."""
        asked = RedeemIn(data=request.data)
        asked.is_valid(raise_exception=True)
        # Outside of what an idempotent request undoes: a wrong guess counts.
        redeem.count_try(user_of(request))
        return self._once(request, asked.validated_data["code"])

    @idempotency.idempotent
    def _once(self, request: Request, code: str) -> Response:
        entry = redeem.redeem(user_of(request), code)
        available = Wallet.objects.get(pk=user_of(request).pk).available
        return Response({"credits": format_credits(entry.available), "available": format_credits(available)})
