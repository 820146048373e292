"""What templates outside this app say about generations."""

import uuid
from collections.abc import Iterable

from django import template
from django.urls import reverse

from generation import forms
from generation.models import Generation

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
