"""The parts of an input that are not the customer's own words: files and earlier generations.

A file is a public address or `upload:<id>`, a file in our storage; an earlier generation is named by our id. They
are checked by their looks when the generation is requested, handed over to KIE while it is queued, and replaced by what
KIE understands when it is submitted.
"""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from accounts.errors import Refused
from accounts.models import User
from generation import catalog
from generation.gateway import client
from generation.kie import download
from generation.kie.errors import Rejected
from generation.kie.families import failures
from generation.models import Asset, Generation, Upload

UPLOAD = "upload:"


def transform(value: Any, path: str, change: Callable[[str], str]) -> Any:
    """A copy of `value` in which every string at `path` ("image_urls[]", "list[].url") is changed."""
    name, _, rest = path.partition(".")
    many = name.endswith("[]")
    name = name.removesuffix("[]")
    if not isinstance(value, dict) or name not in value:
        return value

    def one(item: Any) -> Any:
        if rest:
            return transform(item, rest, change)
        return change(item) if isinstance(item, str) else item

    inner = value[name]
    return {**value, name: [one(item) for item in inner] if many and isinstance(inner, list) else one(inner)}


def check(entry: catalog.Entry, user: User, values: dict[str, Any]) -> list[catalog.FieldError]:
    """What is wrong with the files that an input names, as one error per field.

    Raises Refused, as for anything that does not exist, for earlier generations and results that cannot be used.
    """
    errors: list[catalog.FieldError] = []

    def checked(field: str, test: Callable[[str], str]) -> Callable[[str], str]:
        def run(value: str) -> str:
            if message := test(value):
                errors.append(catalog.FieldError(field.replace("[]", ""), "unusable", message))
            return value

        return run

    for path in catalog.file_fields(entry):
        transform(values, path, checked(path, partial(_file_problem, user)))
    if errors:
        return errors
    for path, models in catalog.generation_fields(entry).items():
        transform(values, path, checked(path, partial(_source_problem, user, models)))
    for path, models in catalog.result_fields(entry).items():
        transform(values, path, checked(path, partial(_result_problem, user, models)))
    if errors:
        # To a customer, what is somebody else's or not finished does not exist (R-API3).
        raise Refused("unknown_source", errors[0].message.capitalize() + ".", status=404, errors=listed(errors))
    return []


def listed(errors: list[catalog.FieldError]) -> list[dict[str, str]]:
    """Faults as they stand in a refusal."""
    return [{"field": error.field, "code": error.code, "message": error.message} for error in errors]


def _file_problem(user: User, value: str) -> str:
    if value.startswith(UPLOAD):
        return "" if _find(Upload, value.removeprefix(UPLOAD), user=user) else "there is no such uploaded file"
    try:
        download.check(value)
    except download.Forbidden as error:
        return f"must be a public http or https address ({error})"
    return ""


def _source_problem(user: User, models: list[str], value: str) -> str:
    source = _find(Generation, value, user=user, state=Generation.State.SUCCEEDED, model__in=models)
    return "" if source and source.kie_task_id else "must be the id of a fitting, finished generation of yours"


def _result_problem(user: User, models: list[str], value: str) -> str:
    generations = Generation.objects.filter(user=user, state=Generation.State.SUCCEEDED, model__in=models)
    source = _find(Asset, value, generation__in=generations)
    return "" if source and source.kie_id else "must be the id of a result of a fitting, finished generation of yours"


def _find(model: Any, key: str, **conditions: Any) -> Any:
    try:
        return model.objects.filter(pk=uuid.UUID(key), **conditions).first()
    except (ValueError, ValidationError):
        return None


def files(entry: catalog.Entry, values: dict[str, Any]) -> list[str]:
    """Every file that an input names."""
    found: list[str] = []

    def note(value: str) -> str:
        found.append(value)
        return value

    for path in catalog.file_fields(entry):
        transform(values, path, note)
    return found


def hand_over(values: list[str]) -> dict[str, str]:
    """Give KIE the uploads among `values`; returns where it has them. Calls the network.

    Raises the client's errors, and Rejected for an upload that is gone or a name that leads to a private address.
    """
    for value in values:
        if not value.startswith(UPLOAD):
            _refuse_private(value)
    return {value: _handed_over(value) for value in values if value.startswith(UPLOAD)}


def _refuse_private(url: str) -> None:
    parts = urlsplit(url)
    try:
        download.resolve(parts.hostname or "", parts.port or 443, allowed=False)
    except download.Forbidden as error:
        raise Rejected(failures.UNREACHABLE, str(error)) from error
    except download.Dead:
        # A name that does not resolve here may resolve at KIE, which says so itself if it does not.
        return


def _handed_over(value: str) -> str:
    upload = Upload.objects.filter(pk=value.removeprefix(UPLOAD)).first()
    if upload is None:
        raise Rejected(failures.UNREACHABLE, "the uploaded file is gone")
    extension = str(upload.file.name).rpartition(".")[2]
    try:
        with upload.file.open("rb") as file:
            return client().upload(file, f"{uuid.uuid4().hex}.{extension}", upload.content_type)
    except FileNotFoundError as error:
        raise Rejected(failures.UNREACHABLE, "the uploaded file is gone from the storage", alert=True) from error


def rehost(values: list[str]) -> dict[str, str]:
    """Have KIE fetch public addresses into its own storage; some hosts refuse its models but not its storage."""
    return {url: client().upload_from(url, uuid.uuid4().hex) for url in values if not url.startswith(UPLOAD)}


def for_kie(entry: catalog.Entry, generation: Generation) -> dict[str, Any]:
    """The input as it is sent: files where KIE has them, our ids of generations and results as KIE's."""
    values = generation.input
    places = generation.kie_files or {}
    for path in catalog.file_fields(entry):
        values = transform(values, path, lambda value: places.get(value, value))
    for path in catalog.generation_fields(entry):
        values = transform(values, path, lambda value: str(Generation.objects.get(pk=value).kie_task_id))
    for path in catalog.result_fields(entry):
        values = transform(values, path, lambda value: Asset.objects.get(pk=value).kie_id)
    return values
