"""The REST API of use: what was charged, by day and by model."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ApiView, user_of
from billing import preferences
from billing.api import CreditsOut
from generation import usage

USUAL_DAYS = 30


class UsageIn(serializers.Serializer):
    model = serializers.CharField(required=False, max_length=120)

    def get_fields(self) -> dict[str, serializers.Field]:
        """`from` is a word of Python."""
        days = {name: serializers.DateField(required=False) for name in ("from", "to")}
        return {**super().get_fields(), **days}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """From one day to another, neither too many nor at the ends of the calendar."""
        today = timezone.now().astimezone(self.context["zone"]).date()
        last = attrs.get("to", today)
        if not 1 < last.year < 9999:
            raise serializers.ValidationError({"to": "is out of range"}, code="period")
        first = attrs.get("from", last - timedelta(days=USUAL_DAYS - 1))
        if not 0 <= (last - first).days < usage.MAX_DAYS:
            words = f"must be no later than `to`, and at most {usage.MAX_DAYS - 1} days earlier"
            raise serializers.ValidationError({"from": words}, code="period")
        return {"first": first, "last": last, "model": attrs.get("model", "")}


class UseOut(serializers.Serializer):
    date = serializers.DateField(source="day")
    model = serializers.CharField()
    charged = CreditsOut(help_text="Less what was refunded on that day")
    generations = serializers.IntegerField(help_text="How many were charged")


class ModelUseOut(serializers.Serializer):
    model = serializers.CharField()
    charged = CreditsOut()
    generations = serializers.IntegerField()


class UsageOut(serializers.Serializer):
    time_zone = serializers.CharField(help_text="Whose days these are")
    charged = CreditsOut()
    generations = serializers.IntegerField()
    models = ModelUseOut(many=True, help_text="What cost most first")
    days = UseOut(many=True, help_text="Oldest first; days and models without use are left out")

    def get_fields(self) -> dict[str, serializers.Field]:
        """`from` is a word of Python."""
        period = {"from": serializers.DateField(source="first"), "to": serializers.DateField(source="last")}
        return {**period, **super().get_fields()}


class Usage(ApiView):
    @extend_schema(
        responses=UsageOut,
        parameters=[
            OpenApiParameter("from", date, description="The first day; 30 days before the last unless given"),
            OpenApiParameter("to", date, description="The last day, included; today unless given"),
            OpenApiParameter("model"),
        ],
    )
    def get(self, request: Request) -> Response:
        """What was charged, by day in your time zone and by model; computed from the entries of your statement."""
        user_id = user_of(request).pk
        zone = preferences.zone_of(user_id)
        asked = UsageIn(data=request.query_params, context={"zone": zone})
        asked.is_valid(raise_exception=True)
        return Response(represent(usage.of(user_id, zone=zone, **asked.validated_data), zone))


def represent(found: usage.Usage, zone: ZoneInfo) -> dict[str, Any]:
    """A usage as the API shows it."""
    models = [dict(zip(("model", "charged", "generations"), row, strict=True)) for row in found.by_model()]
    totals = {"charged": found.charged, "generations": found.generations, "time_zone": zone.key}
    return dict(
        UsageOut({"first": found.first, "last": found.last, "models": models, "days": found.uses} | totals).data
    )
