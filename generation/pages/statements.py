"""A month's statement to take away, as CSV and as PDF: what billing has, with the names of the generations."""

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.requests import SignedInRequest
from billing.pages.balance import month_of
from billing.statements import as_csv as statement_csv
from billing.statements import as_pdf as statement_pdf
from generation.models import Generation
from generation.pages import forms

PREFIX = "generation:"


def names(abouts: Iterable[str]) -> dict[str, str]:
    """The titles of the models of generations, by what entries say they are about. One query."""
    ids = set()
    for about in abouts:
        with suppress(ValueError):
            ids.add(UUID(about.removeprefix(PREFIX)))
    rows = Generation.objects.filter(pk__in=ids).only("id", "model") if ids else []
    return {row.about: forms.title(row.model) for row in rows}


@login_required
@never_cache
@require_GET
def as_csv(request: SignedInRequest, year: int, month: int) -> StreamingHttpResponse:
    asked = month_of(request, year, month)
    lines = statement_csv.lines(request.user.pk, asked, names)
    headers = {"Content-Disposition": f'attachment; filename="statement-{asked}.csv"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


@login_required
@never_cache
@require_GET
def as_pdf(request: SignedInRequest, year: int, month: int) -> HttpResponse:
    asked = month_of(request, year, month)
    headers = {"Content-Disposition": f'attachment; filename="statement-{asked}.pdf"'}
    content = statement_pdf.render(request.user, asked, names)
    return HttpResponse(content, content_type="application/pdf", headers=headers)
