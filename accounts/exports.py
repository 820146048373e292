"""Lists as CSV: streamed, page by page, so that a million rows need no more memory than five hundred."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from accounts.models import User

PAGE = 500
# What makes a spreadsheet take a text for a formula, also in the wide forms of Chinese and Japanese keyboards.
_FORMULA = re.compile(r"[ \u00a0\u3000]*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SECRET = re.compile(r"password|secret|token|digest|hash", re.IGNORECASE)
Column = tuple[str, Callable[[Any], Any]]


@dataclass(frozen=True)
class Export:
    """The columns of a list; `prepare` is given the objects of each page before they are written."""

    columns: Sequence[Column]
    prepare: Callable[[list[Any]], None] = lambda page: None


_exports: dict[type[models.Model], Export] = {}
# How columns are written whose names end so: the new ending, and what the values become.
endings: dict[str, tuple[str, Callable[[Any], Any]]] = {}


def register(model: type[models.Model], columns: Sequence[Column], **more: Any) -> None:
    """Columns other than all fields of the model."""
    _exports[model] = Export(columns, **more)


def of(model: type[models.Model]) -> Export:
    """What was registered for a model, else all its fields that are no secret."""
    if found := _exports.get(model):
        return found
    return Export([_column(f) for f in model._meta.concrete_fields if not _SECRET.search(f.name)])


def _column(each: Any) -> Column:
    if each.is_relation and each.related_model is User:
        return each.name, lambda obj: getattr(obj, each.name)
    if each.is_relation:
        return each.name, lambda obj: getattr(obj, each.attname)
    for ending, (instead, write) in endings.items():
        if each.name.endswith(ending):
            name = each.name.removesuffix(ending).removesuffix(instead).strip("_")
            return f"{name}_{instead}".strip("_"), _writer(each, write)
    return each.name, each.value_from_object


def _writer(each: Any, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(obj: Any) -> Any:
        value = each.value_from_object(obj)
        return None if value is None else write(value)

    return read


def text_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that could be begins with an apostrophe."""
    text = text.replace("\0", "")
    return f"'{text}" if _FORMULA.match(text) else text


def cell(value: Any) -> str:
    """A value as such a text; numbers stay numbers, and times are in the platform's zone, with its offset."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat()
    text = str(value)
    return text if _NUMBER.fullmatch(text) else text_cell(text)


class _Echo:
    """A file for the CSV writer that hands each line on."""

    def write(self, line: str) -> str:
        return line


def stream(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A CSV file, written while it is sent."""
    writer = csv.writer(_Echo())
    lines = (writer.writerow([cell(value) for value in row]) for row in _chain(header, rows))
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _chain(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield header
    yield from rows


def rows(queryset: QuerySet[Any], export: Export) -> Iterator[list[Any]]:
    """The cells of every object."""
    people = [each.name for each in queryset.model._meta.concrete_fields if each.related_model is User]
    page: list[Any] = []
    for obj in queryset.select_related(*people).iterator(chunk_size=PAGE):
        page.append(obj)
        if len(page) == PAGE:
            yield from _cells(page, export)
            page = []
    yield from _cells(page, export)


def _cells(page: list[Any], export: Export) -> Iterator[list[Any]]:
    export.prepare(page)
    for obj in page:
        yield [read(obj) for _, read in export.columns]


def of_list(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponseBase:
    """A list of the admin, filtered and sorted as on the screen; for whoever may see the list."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    try:
        queryset = model_admin.get_changelist_instance(request).queryset
    except IncorrectLookupParameters:
        return HttpResponseBadRequest("There is no such filter.")
    export = of(model_admin.model)
    return stream(model_admin.opts.model_name or "rows", [name for name, _ in export.columns], rows(queryset, export))
