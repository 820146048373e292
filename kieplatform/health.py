"""Whether the process is up, and whether it can do its work."""

from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from generation.models import Heartbeat
from generation.tasks import SWEEP

QUEUE_SILENCE = timedelta(seconds=90)


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, its migrations are applied and the queue has swept lately; else 503."""
    checks = {"database": False, "migrations": False, "queue": False}
    try:
        executor = MigrationExecutor(connection)
        checks["database"] = True
        checks["migrations"] = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        if checks["migrations"]:
            alive = Heartbeat.objects.filter(name=SWEEP, at__gt=timezone.now() - QUEUE_SILENCE)
            checks["queue"] = alive.exists()
    except DatabaseError:
        pass
    return JsonResponse(checks, status=200 if all(checks.values()) else 503)
