"""The audit log: who did what in the admin, to what, what changed, and from which address (R-AD1).

Every page of the admin is served through `AuditedSite.admin_view`, so no page, button or action can be forgotten. What
an action changed is told by reading its object before and after: that sees what `QuerySet.update` and SQL do, too. A
row commits with the action, because it is written where the action writes Django's own log.
"""

import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib import admin
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import BadRequest, ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import DataError, models
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import Http404, HttpRequest
from django.urls import path

from accounts import exports, given
from accounts.audit_rows import AuditRow
from accounts.models import User

Outcome = AuditRow.Outcome
SAFE = ("GET", "HEAD", "OPTIONS")
MASK = "•••"
SECRET = re.compile(r"password|secret|token|digest|hash|session", re.IGNORECASE)
LONGEST = 300
# As many objects as an action of a list may act on.
MANY = 200
# As Django answers what a view raises.
_STATUS = {PermissionDenied: 403, Http404: 404, BadRequest: 400}
Values = dict[str, Any]
Key = tuple[str, str]


# What an object is


def snapshot(obj: models.Model) -> Values:
    """The values of an object and of what it has one of, such as a user's wallet."""
    values = {name.attname: name.value_from_object(obj) for name in obj._meta.concrete_fields}
    for many in obj._meta.many_to_many:
        values[many.name] = sorted(str(other) for other in getattr(obj, many.name).all()[:MANY])
    for relation in obj._meta.related_objects:
        if relation.one_to_one and (name := relation.get_accessor_name()):
            try:
                other = getattr(obj, name)
            except ObjectDoesNotExist:
                continue
            fields = other._meta.concrete_fields
            values |= {f"{name}.{each.attname}": each.value_from_object(other) for each in fields}
    return values


def differences(before: Values, after: Values) -> dict[str, list[Any]]:
    """The fields that differ, as [before, after]; secrets are masked and long values cut."""
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: [_shown(name, values.get(name)) for values in (before, after)] for name in changed}


def _shown(name: str, value: Any) -> Any:
    if value not in (None, "") and SECRET.search(name):
        return MASK
    if value is None or isinstance(value, bool | int):
        return value
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _key(obj: models.Model) -> Key:
    return obj._meta.label_lower, str(obj.pk)


# One request


@dataclass
class Recording:
    """A request that may change something: its objects as they were, and how many rows it has written."""

    request: HttpRequest
    user: User
    action: str
    objects: dict[Key, models.Model] = field(default_factory=dict)
    before: dict[Key, Values] = field(default_factory=dict)
    rows: int = 0

    def look(self, model: type[models.Model], pk: str) -> None:
        """Remember an object as it is; of one that is not there yet, that it was not."""
        obj = _read(model, pk)
        key = _key(obj) if obj else (model._meta.label_lower, pk)
        self.before[key] = snapshot(obj) if obj else {}
        if obj:
            self.objects[key] = obj

    def write(self, outcome: str, obj: models.Model | None = None, **values: Any) -> None:
        write(self.request, self.user, self.action, outcome, obj, **values)
        self.rows += 1


_recording: ContextVar[Recording | None] = ContextVar("recording", default=None)


def write(
    request: HttpRequest | None,
    user: User | None,
    action: str,
    outcome: str,
    obj: models.Model | None = None,
    **values: Any,
) -> None:
    """One row; `values` are other fields of it."""
    about = {"subject": obj._meta.label_lower, "object_id": str(obj.pk)[:200]} if obj else {}
    AuditRow.objects.create(
        **{
            "user": user,
            "by": user.email if user else "",
            "address": address(request),
            "action": action[:60],
            "outcome": outcome,
            "path": request.get_full_path()[:500] if request else "",
            "object_repr": str(obj)[:200] if obj else "",
            **about,
            **values,
        }
    )


def address(request: HttpRequest | None) -> str:
    """Where a request comes from, through the proxies that are trusted."""
    if request is None:
        return ""
    try:
        return str(get_adapter().get_client_ip(request) or "")[:45]
    except PermissionDenied:
        return str(request.META.get("REMOTE_ADDR", ""))[:45]


@receiver(post_save, sender=LogEntry)
def _logged(instance: LogEntry, created: bool, **kwargs: Any) -> None:
    """Django's log was written, in the transaction of the action: this is where the row belongs."""
    recording = _recording.get()
    if recording is None or not created:
        return
    obj = _logged_object(instance)
    if obj is None:
        recording.write(Outcome.DONE, message=instance.get_change_message(), object_repr=instance.object_repr)
        return
    before = {} if instance.action_flag == ADDITION else recording.before.get(_key(obj))
    after = {} if instance.action_flag == DELETION else snapshot(obj)
    changes = {} if before is None else differences(before, after)
    recording.write(Outcome.DONE, obj, message=instance.get_change_message(), changes=changes)


def _logged_object(entry: LogEntry) -> models.Model | None:
    model = entry.content_type.model_class() if entry.content_type else None
    return _read(model, entry.object_id) if model else None


def _read(model: type[models.Model], pk: Any) -> models.Model | None:
    try:
        return model._base_manager.filter(pk=pk).first()
    except (ValueError, ValidationError, OverflowError):
        return None


# The admin


def recorded(site: admin.AdminSite, view: Callable, inner: Callable) -> Callable:
    """The view with a row for whatever may change something, and for every file that is taken away."""
    owner = getattr(view, "__self__", None)

    @wraps(inner)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        user = request.user
        if not isinstance(user, User) or not site.has_permission(request):
            return inner(request, *args, **kwargs)
        if request.method not in SAFE:

            def act() -> Any:
                _check_selected(request, owner)
                return inner(request, *args, **kwargs)

            return _recorded(Recording(request, user, _action(request, view, kwargs)), owner, kwargs, act)
        try:
            response = inner(request, *args, **kwargs)
        except (DataError, OverflowError, ValueError) as error:
            if not request.GET:
                raise
            # A filter with a time or a number that the database, or the calendar, does not have.
            raise BadRequest("The address asks for what cannot be looked for.") from error
        if "attachment" in response.headers.get("Content-Disposition", ""):
            name = response.headers["Content-Disposition"].partition("filename=")[2].strip('"')
            write(request, user, "export", Outcome.DONE, status=response.status_code, message=name)
        return response

    return wrapper


def _recorded(recording: Recording, owner: Any, kwargs: Values, call: Callable[[], Any]) -> Any:
    for model, pk in _named(recording.request, owner, kwargs):
        recording.look(model, pk)
    mark = _recording.set(recording)
    try:
        response = call()
    except (PermissionDenied, Http404, BadRequest) as error:
        _end(recording, Outcome.REFUSED, next(_STATUS[kind] for kind in _STATUS if isinstance(error, kind)))
        raise
    except Exception:
        _end(recording, Outcome.FAILED, 500)
        raise
    finally:
        _recording.reset(mark)
    if not recording.rows:
        _close(recording, response.status_code)
    return response


def _end(recording: Recording, outcome: str, status: int) -> None:
    """A row about a request that changed nothing."""
    obj = next(iter(recording.objects.values()), None)
    recording.write(outcome, obj, status=status)


def _close(recording: Recording, status: int) -> None:
    """Rows about a request that wrote no log: one for each of its objects that changed, else one that says so."""
    for key, obj in recording.objects.items():
        now = _read(type(obj), obj.pk)
        if changes := differences(recording.before[key], snapshot(now) if now else {}):
            recording.write(Outcome.DONE, obj, status=status, changes=changes)
    if not recording.rows:
        outcome = Outcome.REFUSED if status >= 400 else Outcome.DONE if status >= 300 else Outcome.UNCHANGED
        _end(recording, outcome, status)


def _named(request: HttpRequest, owner: Any, kwargs: Values) -> list[tuple[type[models.Model], str]]:
    """The objects that a request is about: that of its address, and those that are selected."""
    if not isinstance(owner, admin.ModelAdmin):
        return []
    named = kwargs.get("object_id") or kwargs.get("id")
    keys = [unquote(str(named))] if named else []
    keys += request.POST.getlist("_selected_action")[:MANY]
    return [(owner.model, key) for key in keys]


def _check_selected(request: HttpRequest, owner: Any) -> None:
    """Raises BadRequest for a selection that no list offers: Django would look for it all the same, and fail."""
    selected = request.POST.getlist("_selected_action") if isinstance(owner, admin.ModelAdmin) else []
    if not all(_is_id(owner.model, key) for key in selected):
        raise BadRequest("What is selected is not in this list.")


def _is_id(model: type[models.Model], key: str) -> bool:
    try:
        value = model._meta.pk.to_python(key)
    except ValidationError:
        return False
    return not isinstance(value, int) or given.number(str(value)) is not None


def _action(request: HttpRequest, view: Callable, kwargs: Values) -> str:
    """A word for what is done: the name of a button or action, else of the view."""
    if "name" in kwargs:
        return str(kwargs["name"])
    if "_selected_action" in request.POST:
        return request.POST.get("action", "")
    name = getattr(view, "__name__", "view")
    return name.removesuffix("_view").replace("_", " ")


class AuditedSite(admin.AdminSite):
    """The admin, with an audit log of all that goes through it, and a CSV of every list."""

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return recorded(self, view, super().admin_view(view, cacheable))

    def get_urls(self) -> list[Any]:
        csv = path("<slug:app_label>/<slug:model_name>/export.csv", self.admin_view(self.export), name="export")
        return [csv, *super().get_urls()]

    def export(self, request: HttpRequest, app_label: str, model_name: str) -> Any:
        """The rows of a list, all pages of it, as they are filtered and sorted on the screen."""
        for model, model_admin in self._registry.items():
            if (model._meta.app_label, model._meta.model_name) == (app_label, model_name):
                return exports.of_list(model_admin, request)
        raise Http404


# Signing in


@receiver(user_logged_in)
def _signed_in(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    if user.is_staff:
        write(request, user, "sign in", Outcome.DONE)


@receiver(user_logged_out)
def _signed_out(request: HttpRequest | None, user: User | None, **kwargs: Any) -> None:
    if user and user.is_staff:
        write(request, user, "sign out", Outcome.DONE)


@receiver(user_login_failed)
def _not_signed_in(credentials: Values, request: HttpRequest | None = None, **kwargs: Any) -> None:
    email = str(credentials.get("email") or credentials.get("username") or "").lower()
    if user := User.objects.filter(email=email, is_staff=True).first():
        write(request, None, "sign in", Outcome.REFUSED, by=user.email)
