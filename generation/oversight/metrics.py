"""The gauges in Prometheus' text format, for whoever has the token."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from generation.oversight import health
from generation.oversight.health import Gauge

PREFIX = "kieplatform_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """404 while no token is set, 401 without it: `Authorization: Bearer <METRICS_TOKEN>`."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not constant_time_compare(given, settings.METRICS_TOKEN):
        return HttpResponse("unauthorized\n", CONTENT_TYPE, status=401, headers={"WWW-Authenticate": "Bearer"})
    text = "".join(written(gauge) for gauge in health.gauges() if gauge.values)
    return HttpResponse(text, CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def written(gauge: Gauge) -> str:
    """One gauge with its help, as text."""
    name = f"{PREFIX}{gauge.name}"
    lines = [f"# HELP {name} {gauge.help}", f"# TYPE {name} gauge"]
    lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in gauge.values]
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: int | float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"
