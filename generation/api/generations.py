"""The REST API of models, quotes and generations. Edges only: parse, call one verb, answer."""

import json
from typing import Any
from uuid import UUID

from django.db.models import F, Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ApiView, Pages, key_of, user_of
from accounts.errors import Refused
from accounts.idempotency import idempotent
from billing import currency, ledger, lots, prices
from billing.amounts import format_credits, parse_credits
from generation import catalog, lifecycle, offers, pricing
from generation.api.results import FollowUpOut, ResultOut, follow_ups, listed
from generation.models import Asset, Generation

MAX_METADATA_CHARACTERS = 4000
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Your own name for this request: sent again with the same body it is answered with the first answer.",
)


@extend_schema_field({"type": "string", "format": "decimal", "examples": ["12.5"]})
class CreditsField(serializers.Field):
    """Credits as decimal strings, "12.5"; millicredits inside."""

    def to_representation(self, value: int) -> str:
        return format_credits(value)

    def to_internal_value(self, data: Any) -> int:
        try:
            return parse_credits(str(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid_credits") from error


# Models


@extend_schema_field({"type": "string", "format": "decimal", "examples": ["0.0625"]})
class MoneyField(serializers.Field):
    """What credits are worth in the site's currency, as an exact decimal string; millicredits inside."""

    def to_representation(self, value: int) -> str:
        return currency.exact(value)


class ModelOut(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()
    vendor = serializers.CharField()
    kind = serializers.CharField(source="modality", help_text="image, video, music, speech, audio or text")
    task = serializers.CharField()
    price = serializers.SerializerMethodField(help_text="In words, in credits")
    status = serializers.SerializerMethodField(help_text="on or off")

    def get_price(self, entry: catalog.Entry) -> str:
        return pricing.describe(entry, self.context["tariffs"].of(entry.id))

    def get_price_in_currency(self, entry: catalog.Entry) -> str:
        return pricing.describe(entry, self.context["tariffs"].of(entry.id), money=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        """With the price in the site's currency, named by it: `price_usd`."""
        words = "The same in the site's currency, rounded"
        money = serializers.SerializerMethodField(method_name="get_price_in_currency", help_text=words)
        return {**super().get_fields(), currency.field("price"): money}

    def get_status(self, entry: catalog.Entry) -> str:
        return "on" if self.context["enabled"][entry.id] else "off"


class ModelDetailOut(ModelOut):
    input_schema = serializers.JSONField(source="schema", help_text="JSON Schema, draft 2020-12")
    example = serializers.JSONField()


class Models(ApiView):
    @extend_schema(responses=ModelOut(many=True), parameters=[OpenApiParameter("kind"), OpenApiParameter("vendor")])
    def get(self, request: Request) -> Response:
        """Every model of the catalogue, with its price and whether it is offered."""
        wanted = {"modality": request.query_params.get("kind"), "vendor": request.query_params.get("vendor")}
        entries = [e for e in catalog.all() if all(v in (None, getattr(e, k)) for k, v in wanted.items())]
        return Response(ModelOut(entries, many=True, context=_offers(request)).data)


class Model(ApiView):
    @extend_schema(responses=ModelDetailOut)
    def get(self, request: Request, model: str) -> Response:
        """One model with the JSON Schema of its input."""
        try:
            entry = catalog.get(model)
        except catalog.UnknownModel:
            raise Refused("unknown_model", f"There is no model {model!r}.", status=404) from None
        return Response(ModelDetailOut(entry, context=_offers(request)).data)


def _offers(request: Request) -> dict[str, Any]:
    """What is for sale, and for how much to the caller."""
    return {"enabled": offers.enabled(), "tariffs": prices.tariffs(user_of(request).pk)}


# Quotes


class QuoteIn(serializers.Serializer):
    model = serializers.CharField()
    input = serializers.DictField()


class QuoteOut(serializers.Serializer):
    quote = serializers.CharField(help_text="Send it with the generation to be charged this price")
    price = CreditsField()
    exact = serializers.BooleanField(help_text="false: the price is an upper bound, what is not used is returned")
    input = serializers.JSONField(help_text="The normalised input that is priced and sent")
    expires_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field]:
        """With the price in the site's currency, named by it: `price_usd`."""
        return {**super().get_fields(), currency.field("price"): MoneyField(source="price")}


class Quotes(ApiView):
    @extend_schema(request=QuoteIn, responses=QuoteOut)
    def post(self, request: Request) -> Response:
        """What a generation would cost. Nothing is held."""
        asked = _parse(QuoteIn, request)
        quote = offers.quote(user_of(request), asked["model"], asked["input"])
        body = {
            "quote": offers.sign(user_of(request), asked["model"], quote),
            "price": quote.price_millicredits,
            "exact": quote.cost.exact,
            "input": quote.input,
            "expires_at": timezone.now() + offers.QUOTE_LIFETIME,
        }
        return Response(QuoteOut(body).data)


# Generations


class GenerationIn(QuoteIn):
    quote = serializers.CharField(required=False, help_text="From POST /quotes; its price binds")
    max_price = CreditsField(required=False, help_text="Refuse rather than charge more than this")
    metadata = serializers.DictField(required=False, help_text="Yours; given back unchanged")
    allow_duplicate = serializers.BooleanField(
        required=False, help_text="true: buy it even if exactly this was requested a moment ago"
    )

    def validate_metadata(self, value: dict[str, Any]) -> dict[str, Any]:
        """Small, and storable: PostgreSQL takes neither NUL nor half of a surrogate pair."""
        text = json.dumps(value, ensure_ascii=False)
        unstorable = "\\u0000" in text or any("\ud800" <= character <= "\udfff" for character in text)
        if unstorable or len(text) > MAX_METADATA_CHARACTERS:
            message = f"must be storable text, at most {MAX_METADATA_CHARACTERS} characters as JSON"
            raise serializers.ValidationError(message, code="metadata")
        return value


class ErrorOut(serializers.Serializer):
    code = serializers.CharField(source="error_code")
    message = serializers.CharField(source="error_message")


class GenerationOut(serializers.Serializer):
    id = serializers.UUIDField()
    model = serializers.CharField()
    state = serializers.ChoiceField(Generation.State.choices)
    input = serializers.JSONField()
    price = CreditsField(source="price_millicredits")
    charged = serializers.SerializerMethodField()
    refunded = serializers.SerializerMethodField(help_text="What went back of the credits held")
    refund_by = serializers.SerializerMethodField(help_text="When the credits are returned if nothing else happens")
    error = serializers.SerializerMethodField()
    results = ResultOut(source="assets.all", many=True, help_text="While it runs, those that are ready")
    follow_ups = serializers.SerializerMethodField(help_text="The models that can start from it")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    metadata = serializers.JSONField()

    def _receipt(self, generation: Generation) -> ledger.Receipt:
        return self.context["receipts"][generation.about]

    def get_charged(self, generation: Generation) -> str:
        receipt = self._receipt(generation)
        return format_credits(receipt.charged - receipt.refunded)

    def get_refunded(self, generation: Generation) -> str:
        receipt = self._receipt(generation)
        return format_credits(receipt.returned + receipt.refunded)

    def get_refund_by(self, generation: Generation) -> str | None:
        return None if generation.terminal else generation.deadline.isoformat()

    @extend_schema_field(FollowUpOut(many=True))
    def get_follow_ups(self, generation: Generation) -> list[dict[str, Any]]:
        return follow_ups(generation, self.context["enabled"])

    @extend_schema_field(ErrorOut(allow_null=True))
    def get_error(self, generation: Generation) -> dict[str, str] | None:
        return dict(ErrorOut(generation).data) if generation.error_code else None


class PaidByOut(serializers.Serializer):
    lot = serializers.IntegerField(source="pk")
    source = serializers.CharField()  # type: ignore[assignment]
    amount = CreditsField(help_text="How much of the charge it paid, before any refund")
    expires_at = serializers.DateTimeField(allow_null=True)


class ReceiptOut(serializers.Serializer):
    generation = serializers.UUIDField(source="generation.pk")
    model = serializers.CharField(source="generation.model")
    state = serializers.CharField(source="generation.state")
    price = CreditsField(source="generation.price_millicredits", help_text="What was quoted")
    price_exact = serializers.BooleanField(source="generation.price_exact", help_text="false: an upper bound")
    price_version = serializers.SerializerMethodField(help_text="Which prices these are: KIE's, and our price list")
    held = CreditsField()
    charged = CreditsField()
    returned = CreditsField(help_text="Of the hold, when it ended")
    refunded = CreditsField(help_text="By an operator, later")
    paid = CreditsField(help_text="charged − refunded")
    lots = PaidByOut(many=True, help_text="What of your credits paid the charge")
    requested_at = serializers.DateTimeField(source="generation.created_at")
    submitted_at = serializers.DateTimeField(source="generation.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="generation.finished_at", allow_null=True)
    refund_by = serializers.SerializerMethodField(help_text="When the credits are returned if nothing else happens")
    events = serializers.JSONField()

    def get_refund_by(self, receipt: dict[str, Any]) -> str | None:
        generation = receipt["generation"]
        return None if generation.terminal else generation.deadline.isoformat()

    def get_price_version(self, receipt: dict[str, Any]) -> str:
        return pricing.shown_version(receipt["generation"].price_version)


class Generations(ApiView):
    @extend_schema(request=GenerationIn, responses={202: GenerationOut}, parameters=[IDEMPOTENCY_KEY])
    @idempotent
    def post(self, request: Request) -> Response:
        """Request a generation. The credits are held now, and charged when the result is stored.

        What was requested a moment ago, exactly so, is answered with that generation and `Duplicate-Request: true`,
        unless `allow_duplicate` or an `Idempotency-Key` says that it is another one.
        """
        asked = _parse(GenerationIn, request)
        generation = lifecycle.request(
            user_of(request),
            asked["model"],
            asked["input"],
            api_key=key_of(request),
            quote_token=asked.get("quote", ""),
            max_price=asked.get("max_price"),
            metadata=asked.get("metadata"),
            allow_duplicate=asked.get("allow_duplicate", False) or "Idempotency-Key" in request.headers,
        )
        headers = {"Location": f"/api/v1/generations/{generation.pk}"}
        if generation.duplicate:
            return Response(represent([generation])[0], status=202, headers={**headers, "Duplicate-Request": "true"})
        return Response(represent_new(generation), status=202, headers=headers)

    @extend_schema(
        responses=GenerationOut(many=True),
        parameters=[
            OpenApiParameter("state"),
            OpenApiParameter("model"),
            OpenApiParameter("cursor"),
            OpenApiParameter("limit"),
        ],
    )
    def get(self, request: Request) -> Response:
        """Your generations, newest first."""
        rows = _visible(request, listed())
        for name in ("state", "model"):
            if value := request.query_params.get(name):
                rows = rows.filter(**{name: value})
        pages = Pages()
        return pages.get_paginated_response(represent(pages.paginate_queryset(rows, request, view=self) or []))


class GenerationDetail(ApiView):
    @extend_schema(responses=GenerationOut)
    def get(self, request: Request, pk: UUID) -> Response:
        """One generation: its state, and its results when it has succeeded."""
        return Response(represent([get_object_or_404(_visible(request), pk=pk)])[0])


class Cancel(ApiView):
    @extend_schema(request=None, responses=GenerationOut)
    def post(self, request: Request, pk: UUID) -> Response:
        """Cancel a generation that is still queued; the credits go back."""
        generation = lifecycle.cancel(get_object_or_404(_visible(request), pk=pk))
        return Response(represent([generation])[0])


class Receipt(ApiView):
    @extend_schema(responses=ReceiptOut)
    def get(self, request: Request, pk: UUID) -> Response:
        """What was quoted, held, charged and returned, which of your credits paid, and when (R-UX1)."""
        generation = get_object_or_404(_visible(request), pk=pk)
        receipt = ledger.receipts([generation.about])[generation.about]
        steps = generation.events.exclude(state_to=F("state_from"))
        events = [{"at": event.at.isoformat(), "state": event.state_to} for event in steps]
        paid_by = [{**vars(lot), "pk": lot.pk, "amount": amount} for lot, amount in lots.paid_by(generation.about)]
        body = {**vars(receipt), "paid": receipt.charged - receipt.refunded, "lots": paid_by, "events": events}
        return Response(ReceiptOut(body | {"generation": generation}).data)


def represent(generations: list[Generation]) -> list[dict[str, Any]]:
    """Generations as the API shows them, with a constant number of queries."""
    receipts = ledger.receipts([generation.about for generation in generations])
    finished = any(generation.state == Generation.State.SUCCEEDED for generation in generations)
    context = {"receipts": receipts, "enabled": offers.enabled() if finished else {}}
    return [dict(GenerationOut(generation, context=context).data) for generation in generations]


def represent_new(generation: Generation) -> dict[str, Any]:
    """A generation that was just requested, without a query: the busiest row of all is still locked here."""
    generation._prefetched_objects_cache = {"assets": []}  # type: ignore[attr-defined]
    receipts = {generation.about: ledger.Receipt(held=generation.price_millicredits)}
    return dict(GenerationOut(generation, context={"receipts": receipts, "enabled": {}}).data)


def _visible(request: Request, assets: QuerySet[Asset] | None = None) -> QuerySet[Generation]:
    """The caller's own generations: everyone else's do not exist (R-API3)."""
    found = Prefetch("assets", Asset.objects.all() if assets is None else assets)
    return Generation.objects.filter(user=user_of(request)).prefetch_related(found)


def _parse(shape: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    parsed = shape(data=request.data)
    parsed.is_valid(raise_exception=True)
    return parsed.validated_data
