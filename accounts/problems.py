"""Errors of the REST API as `application/problem+json` (RFC 9457) with a stable `code`."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework.exceptions import APIException, NotFound, ParseError, ValidationError
from rest_framework.exceptions import PermissionDenied as ApiPermissionDenied
from rest_framework.response import Response
from rest_framework.settings import api_settings

from accounts.errors import Refused


def problem(status: int, code: str, detail: str, **data: Any) -> Response:
    """`{type, title, status, detail, code, …data}`; an integer `retry_after_seconds` becomes `Retry-After` too."""
    body: dict[str, Any] = {"type": f"urn:kieplatform:problem:{code}", "title": HTTPStatus(status).phrase}
    body |= {"status": status, "detail": detail, "code": code, **data}
    response = Response(body, status=status, content_type="application/problem+json")
    if seconds := data.get("retry_after_seconds"):
        response["Retry-After"] = str(seconds)
    return response


def _field_errors(detail: Any, path: str = "") -> list[dict[str, str]]:
    """DRF's nested error detail as a flat list of `{field, code, message}`."""
    if isinstance(detail, dict):
        return [e for name, d in detail.items() for e in _field_errors(d, f"{path}.{name}" if path else str(name))]
    if isinstance(detail, list):
        return [e for d in detail for e in _field_errors(d, path)]
    path = path.removesuffix(api_settings.NON_FIELD_ERRORS_KEY)
    return [{"field": path, "code": getattr(detail, "code", "invalid"), "message": str(detail)}]


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's `EXCEPTION_HANDLER`: every expected "no" in one shape; anything else stays an exception."""
    if isinstance(exc, Refused):
        return problem(exc.status, exc.code, exc.message, **exc.data)
    if isinstance(exc, RecursionError):
        exc = ParseError("The body is nested too deeply.")
    elif isinstance(exc, Http404):
        exc = NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = ApiPermissionDenied()
    if isinstance(exc, ValidationError):
        errors = _field_errors(exc.detail)
        return problem(exc.status_code, "invalid_request", "The request is not valid.", errors=errors)
    if not isinstance(exc, APIException):
        return None
    data = {}
    if wait := getattr(exc, "wait", None):
        data["retry_after_seconds"] = max(1, round(wait))
    response = problem(exc.status_code, str(exc.get_codes()), str(exc.detail), **data)
    if header := getattr(exc, "auth_header", None):
        response["WWW-Authenticate"] = header
    return response
