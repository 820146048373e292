"""What templates outside this app say about generations."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.urls import reverse
from django.utils import timezone

from generation import usage
from generation.models import Generation
from generation.pages import forms, usage_chart

register = template.Library()
PREFIX = "generation:"


@register.simple_tag
def described(abouts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Title and address of the generations that ledger entries are about, by their `about`. One query."""
    ids = {uuid.UUID(about.removeprefix(PREFIX)) for about in abouts if about.startswith(PREFIX)}
    rows = Generation.objects.filter(pk__in=ids).only("id", "model") if ids else []
    return {row.about: {"title": forms.title(row.model), "url": reverse("generation", args=[row.pk])} for row in rows}


@register.filter
def about(descriptions: dict[str, dict[str, str]], name: str) -> dict[str, str]:
    """One of `described`; empty for what is no generation."""
    return descriptions.get(name, {})


@register.simple_tag
def recent_usage(user_id: int, zone: ZoneInfo, days: int = 30) -> dict[str, Any]:
    """What a user was charged in the last days, today included: `usage` and its `chart`."""
    last = timezone.now().astimezone(zone).date()
    found = usage.of(user_id, last - timedelta(days=days - 1), last, zone)
    return {"usage": found, "chart": usage_chart.of(found)}
