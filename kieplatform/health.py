"""Whether the process is up, and whether it can do its work."""

from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from generation.models import Heartbeat

SILENCE = {Heartbeat.SWEEP: timedelta(seconds=90), Heartbeat.QUEUE: timedelta(minutes=8)}


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, its migrations are applied, and sweep and queue show life; else 503."""
    checks = {"database": False, "migrations": False, "sweep": False, "queue": False}
    try:
        executor = MigrationExecutor(connection)
        checks["database"] = True
        checks["migrations"] = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        if checks["migrations"]:
            beats = dict(Heartbeat.objects.values_list("name", "at"))
            for name, silence in SILENCE.items():
                checks[name] = name in beats and beats[name] > timezone.now() - silence
    except DatabaseError:
        pass
    return JsonResponse(checks, status=200 if all(checks.values()) else 503)
