"""The REST API of the wallet."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ApiView, Pages
from billing.amounts import format_credits
from billing.models import Entry, Wallet


class BalanceOut(serializers.Serializer):
    available = serializers.CharField(help_text="What can be spent now")
    held = serializers.CharField(help_text="Set aside for generations that run")
    settled = serializers.CharField(help_text="available + held")
    spent = serializers.CharField()


class Balance(ApiView):
    @extend_schema(responses=BalanceOut)
    def get(self, request: Request) -> Response:
        """Your credits, as decimal strings."""
        wallet = Wallet.objects.filter(pk=request.user.pk).first() or Wallet()
        amounts = {"available": wallet.available, "held": wallet.held, "spent": wallet.spent}
        amounts["settled"] = wallet.available + wallet.held
        return Response({name: format_credits(amount) for name, amount in amounts.items()})


class EntryOut(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Entry.Kind.choices)
    generation = serializers.SerializerMethodField()
    available = serializers.SerializerMethodField(help_text="Signed change of what can be spent")
    held = serializers.SerializerMethodField(help_text="Signed change of what is set aside")
    spent = serializers.SerializerMethodField(help_text="Signed change of what was charged")
    note = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_generation(self, entry: Entry) -> str | None:
        return entry.about.removeprefix("generation:") or None

    def get_available(self, entry: Entry) -> str:
        return format_credits(entry.available)

    def get_held(self, entry: Entry) -> str:
        return format_credits(entry.held)

    def get_spent(self, entry: Entry) -> str:
        return format_credits(entry.spent)


class Entries(ApiView):
    @extend_schema(responses=EntryOut(many=True), parameters=[OpenApiParameter("cursor"), OpenApiParameter("limit")])
    def get(self, request: Request) -> Response:
        """Your statement, newest first: every movement of credits, once."""
        pages = Pages()
        rows = pages.paginate_queryset(Entry.objects.filter(wallet=request.user.pk), request, view=self)
        return pages.get_paginated_response(EntryOut(rows, many=True).data)
