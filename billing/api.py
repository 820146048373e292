"""The REST API of the wallet: what there is, where it came from, and every movement."""

from datetime import datetime, time
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import given
from accounts.api import ApiView, Pages, user_of
from billing import ledger, lots, preferences
from billing.amounts import format_credits
from billing.models import Entry, Lot, LotChange, Wallet
from billing.pages import lots as lot_pages
from billing.statements import statement

PAGING = [OpenApiParameter("cursor"), OpenApiParameter("limit", int)]
PERIOD = [
    OpenApiParameter("from", description="A date in your time zone, or a moment with its offset; included"),
    OpenApiParameter("to", description="The same; not included, so that periods join without a gap"),
]


@extend_schema_field({"type": "string", "format": "decimal", "examples": ["12.5"]})
class CreditsOut(serializers.Field):
    """Millicredits as a decimal string in credits, "12.5"."""

    def to_representation(self, value: int) -> str:
        return format_credits(value)


# The balance


class ExpiringOut(serializers.Serializer):
    at = serializers.DateTimeField()
    amount = CreditsOut()


class BalanceOut(serializers.Serializer):
    available = CreditsOut(help_text="What can be spent now")
    held = CreditsOut(help_text="Set aside for generations that run, or frozen by a dispute")
    settled = CreditsOut(help_text="available + held")
    spent = CreditsOut()
    expired = CreditsOut()
    owed = CreditsOut(
        help_text="Of payments that were taken back after they had been spent; what comes in or back next pays it"
    )
    expiring = ExpiringOut(many=True, help_text=f"What expires within {statement.SOON.days} days unless it is spent")


class Balance(ApiView):
    @extend_schema(responses=BalanceOut)
    def get(self, request: Request) -> Response:
        """Your credits, as decimal strings."""
        user_id = user_of(request).pk
        ledger.expire(user_id)
        wallet = Wallet.objects.filter(pk=user_id).first() or Wallet()
        amounts = {name: getattr(wallet, name) for name in ("available", "held", "spent", "expired", "owed")}
        expiring = [{"at": at, "amount": amount} for at, amount in lots.expiring(user_id, statement.SOON)]
        body = amounts | {"settled": wallet.available + wallet.held, "expiring": expiring}
        return Response(BalanceOut(body).data)


# Entries


class EntryOut(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Entry.Kind.choices)
    generation = serializers.SerializerMethodField()
    available = CreditsOut(help_text="Signed change of what can be spent")
    held = CreditsOut(help_text="Signed change of what is set aside")
    spent = CreditsOut(help_text="Signed change of what was charged")
    expired = CreditsOut(help_text="What expired")
    owed = CreditsOut(help_text="Signed change of what is owed")
    note = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_generation(self, entry: Entry) -> str | None:
        prefix = "generation:"
        return entry.about.removeprefix(prefix) if entry.about.startswith(prefix) else None


class Moment(serializers.Field):
    """A date, which begins at midnight in the caller's time zone, or a moment with its offset."""

    def to_internal_value(self, data: Any) -> datetime:
        try:
            day = parse_date(data)
            at = datetime.combine(day, time(), self.context["zone"]) if day else parse_datetime(data)
        except ValueError:
            at = None
        # Some hours from the ends of the calendar a moment has no time in other zones.
        if at is None or at.tzinfo is None or not 1 < at.year < 9999:
            raise serializers.ValidationError("must be a date, or a time with its offset", code="moment")
        return at

    def to_representation(self, value: Any) -> Any:
        return value


class EntriesIn(serializers.Serializer):
    kind = serializers.ChoiceField(Entry.Kind.choices, required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        """`from` is a word of Python."""
        return {**super().get_fields(), "from": Moment(required=False), "to": Moment(required=False)}


class Entries(ApiView):
    @extend_schema(
        responses=EntryOut(many=True),
        parameters=[OpenApiParameter("kind", enum=Entry.Kind.values), *PERIOD, *PAGING],
    )
    def get(self, request: Request) -> Response:
        """Your statement, newest first: every movement of credits, once."""
        user_id = user_of(request).pk
        ledger.expire(user_id)
        pages = Pages()
        rows = pages.paginate_queryset(_asked(request, Entry.objects.filter(wallet=user_id)), request, view=self)
        return pages.get_paginated_response(EntryOut(rows, many=True).data)


def _asked(request: Request, entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """The entries that the query asks for. Raises ValidationError."""
    zone = preferences.zone_of(user_of(request).pk)
    asked = EntriesIn(data=request.query_params, context={"zone": zone})
    asked.is_valid(raise_exception=True)
    lookups = {"kind": "kind", "from": "created_at__gte", "to": "created_at__lt"}
    return entries.filter(**{lookups[name]: value for name, value in asked.validated_data.items()})


# Lots


class LotOut(serializers.Serializer):
    id = serializers.IntegerField(source="lot.id")
    source = serializers.ChoiceField(Lot.Source.choices, source="lot.source")  # type: ignore[assignment]
    note = serializers.CharField()
    amount = CreditsOut(source="lot.amount", help_text="What came in: remaining + used + expired + taken_back")
    remaining = CreditsOut(source="lot.remaining")
    used = CreditsOut()
    expired = CreditsOut()
    taken_back = CreditsOut(help_text="With a payment that was refunded or disputed, or by a correction")
    expires_at = serializers.DateTimeField(source="lot.expires_at", allow_null=True)
    created_at = serializers.DateTimeField(source="lot.created_at")


class Lots(ApiView):
    @extend_schema(responses=LotOut(many=True), parameters=[OpenApiParameter("open", bool), *PAGING])
    def get(self, request: Request) -> Response:
        """Where your credits come from, newest first; with `open=true` those that have some left."""
        user_id = user_of(request).pk
        ledger.expire(user_id)
        rows = Lot.objects.filter(wallet=user_id)
        if request.query_params.get("open") in ("true", "1"):
            rows = rows.filter(remaining__gt=0)
        pages = Pages()
        page = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response(LotOut(lot_pages.shown(page), many=True).data)


class LotChangeOut(serializers.Serializer):
    entry = serializers.IntegerField(source="entry_id", allow_null=True)
    kind = serializers.SerializerMethodField(help_text="That of the entry; null for what was there before lots were")
    generation = serializers.SerializerMethodField(help_text="What it paid for")
    amount = CreditsOut(help_text="Signed: below zero it was used, expired or taken back")
    created_at = serializers.SerializerMethodField()

    def get_kind(self, change: LotChange) -> str | None:
        return change.entry.kind if change.entry else None

    def get_generation(self, change: LotChange) -> str | None:
        return EntryOut().get_generation(change.entry) if change.entry else None

    @extend_schema_field({"type": "string", "format": "date-time"})
    def get_created_at(self, change: LotChange) -> str:
        at = change.entry.created_at if change.entry else change.lot.created_at
        return at.astimezone(timezone.get_current_timezone()).isoformat()


class ChangePages(Pages):
    """The order in which changes were made, the last first."""

    ordering = ("-pk",)  # type: ignore[assignment]

    @staticmethod
    def is_position(text: str) -> bool:
        return given.number(text) is not None


class LotChanges(ApiView):
    @extend_schema(responses=LotChangeOut(many=True), parameters=PAGING)
    def get(self, request: Request, pk: int) -> Response:
        """What a lot paid, newest first."""
        lot = get_object_or_404(Lot, pk=pk, wallet=user_of(request).pk)
        pages = ChangePages()
        changes = LotChange.objects.filter(lot=lot).select_related("entry", "lot")
        rows = pages.paginate_queryset(changes, request, view=self)
        return pages.get_paginated_response(LotChangeOut(rows, many=True).data)
