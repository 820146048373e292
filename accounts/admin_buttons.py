"""Admin pages that can be read but not edited, with buttons that call one verb each.

A button leads to a page that asks for confirmation and for what the verb needs to know. Its POST calls the verb and
writes the admin's log, both in one transaction (R-AD1).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from accounts.errors import Refused

SALT = "accounts.admin_buttons"
PAGE_SECONDS = 24 * 3600
MANY = 200


def new_token() -> str:
    return signing.dumps(uuid.uuid4().hex, salt=SALT)


class Confirmation(forms.Form):
    """Asks nothing. Its token is made when the page is shown, so that sending the page twice acts once.

    It is signed: the keys that are made from it are ours, not a client's (R-LED9).
    """

    token = forms.CharField(widget=forms.HiddenInput, initial=new_token)

    def clean_token(self) -> str:
        try:
            return signing.loads(self.cleaned_data["token"], salt=SALT, max_age=PAGE_SECONDS)
        except signing.BadSignature:
            raise forms.ValidationError("This page is too old. Open it again.") from None


@dataclass(frozen=True)
class Button:
    """One verb on an object.

    `run(request, obj, cleaned_data)` calls the verb and returns what was done, in a sentence for the operator and the
    log; it may raise Refused. `initial(obj)` prefills the form. With `bulk` it can be used on a selection, too.
    """

    name: str
    label: str
    permission: str
    run: Callable[[HttpRequest, Any, dict[str, Any]], str]
    question: str
    form: type[Confirmation] = Confirmation
    initial: Callable[[Any], dict[str, Any]] = lambda obj: {}
    shown: Callable[[Any], bool] = lambda obj: True
    bulk: bool = False


@dataclass(frozen=True)
class Section:
    """A table below the fields of an object; `more` is the address of the whole list."""

    title: str
    columns: list[str]
    rows: list[list[Any]]
    more: str = ""
    empty: str = "None."
    texts: list[tuple[str, str]] = field(default_factory=list)


def admin_url(obj: models.Model, page: str = "change") -> str:
    """The address of an object's admin page."""
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_{page}", args=[quote(obj.pk)])


def press(model_admin: admin.ModelAdmin, request: HttpRequest, obj: Any, button: Button, data: dict[str, Any]) -> str:
    """Call the verb and log what was done. Raises Refused; then nothing is done and nothing logged."""
    with transaction.atomic():
        done = button.run(request, obj, data)
        model_admin.log_change(request, obj, done)
    return done


class ButtonsAdmin(admin.ModelAdmin):
    """A model admin with buttons, and with sections below its fields."""

    buttons: tuple[Button, ...] = ()
    change_form_template = "admin/with_buttons.html"

    def sections(self, request: HttpRequest, obj: Any) -> list[Section]:
        return []

    def get_urls(self) -> list:
        name = f"{self.opts.app_label}_{self.opts.model_name}_button"
        view = self.admin_site.admin_view(self.button_view)
        return [path("<path:object_id>/do/<slug:name>/", view, name=name), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if obj := context.get("original"):
            allowed = [b for b in self.buttons if request.user.has_perm(b.permission) and b.shown(obj)]
            base = admin_url(obj).removesuffix("change/")
            context |= {"buttons": [(b.label, f"{base}do/{b.name}/") for b in allowed]}
            context |= {"sections": self.sections(request, obj)}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """None for what is no id, also for a number beyond those that SQLite has."""
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:
            return None

    def button_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """The confirmation page of one button, and its POST."""
        obj = self.get_object(request, unquote(object_id))
        button = next((button for button in self.buttons if button.name == name), None)
        if obj is None or button is None:
            raise Http404
        if not self.has_view_permission(request, obj) or not request.user.has_perm(button.permission):
            raise PermissionDenied
        form = button.form(request.POST or None, initial=button.initial(obj))
        if form.is_valid():
            try:
                self.message_user(request, press(self, request, obj, button, form.cleaned_data), messages.SUCCESS)
            except Refused as refused:
                form.add_error(None, refused.message)
            else:
                return HttpResponseRedirect(admin_url(obj))
        return self._confirm(request, button, form, [obj], back=admin_url(obj))

    def _confirm(
        self, request: HttpRequest, button: Button, form: forms.Form, objects: list[Any], **more: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": button.label.rstrip("…"),
            "opts": self.opts,
            "button": button,
            "form": form,
            "objects": objects,
            **more,
        }
        return TemplateResponse(request, "admin/confirm.html", context)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = {**super().get_actions(request)}
        for button in self.buttons:
            if button.bulk and request.user.has_perm(button.permission):
                function = partial(_press_all, button=button)
                actions[button.name] = (function, button.name, f"{button.label} (selected)")
        return actions


def _press_all(
    model_admin: ButtonsAdmin, request: HttpRequest, queryset: QuerySet, *, button: Button
) -> HttpResponse | None:
    """An action of the list: one page of confirmation, then the verb for each selected object by itself."""
    objects = list(queryset[: MANY + 1])
    if len(objects) > MANY:
        model_admin.message_user(request, f"Select at most {MANY}.", messages.ERROR)
        return None
    form = button.form(request.POST if "confirmed" in request.POST else None)
    if not form.is_valid():
        back = reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist")
        return model_admin._confirm(request, button, form, objects, back=back, bulk=True)
    for obj in objects:
        # The admin writes the first letter of a message as a capital, which an id must not get.
        name = f"{model_admin.opts.verbose_name} {obj}"
        try:
            done = press(model_admin, request, obj, button, form.cleaned_data)
            model_admin.message_user(request, f"{name}: {done}", messages.SUCCESS)
        except Refused as refused:
            model_admin.message_user(request, f"{name}: {refused.message}", messages.ERROR)
    return None


class ReadOnlyAdmin(ButtonsAdmin):
    """What only verbs may change: no form of the admin adds, edits or deletes it."""

    # Counting every row of a large table takes longer than showing a page of it.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
