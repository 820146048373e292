"""KIE's callbacks: a doorbell (R-CB1). They set no state and move no money; what happened is read by a query."""

import json
import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from generation import lifecycle
from generation.kie import callbacks, signature
from generation.models import Generation

MAX_BODY_BYTES = 1024**2


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def bell(request: HttpRequest, token: str = "") -> HttpResponse:
    """POST rings for the generation that `token` belongs to; GET answers that the path is reachable.

    200 for a known token, 401 for a wrong or stale signature, 404 for an unknown token without saying more.
    """
    if request.method != "POST":
        document = {
            "status": "ok",
            "message": "callback endpoint is ready",
            "timestamp": timezone.now().isoformat(),
        }
        return JsonResponse(document)
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY_BYTES:
        return HttpResponse(status=413)
    named = _task(request)
    if not (_signed(request, named) and lifecycle.ring_known(token, named)):
        generation = Generation.objects.filter(callback_token=token).only("kie_task_id").first()
        if generation is None:
            return HttpResponse(status=404)
        # The signature is of the task that we know, whatever the body says; of the body's only while we know none.
        task = generation.kie_task_id or named
        if not _signed(request, task):
            return HttpResponse(status=401)
        lifecycle.ring(generation, task)
    return JsonResponse({"code": 200, "msg": "success"})


def _task(request: HttpRequest) -> str:
    """The task id that the body names; a body that cannot be read still rings (R-CB2)."""
    try:
        return callbacks.task_id(json.loads(request.body))
    except (ValueError, RecursionError):
        return ""


def _signed(request: HttpRequest, task: str) -> bool:
    """Whether KIE signed this for the task; without a key nothing is signed."""
    return not settings.KIE_WEBHOOK_HMAC_KEY or signature.valid(
        task,
        request.headers.get("X-Webhook-Timestamp", ""),
        request.headers.get("X-Webhook-Signature", ""),
        settings.KIE_WEBHOOK_HMAC_KEY,
        now=time.time(),
    )
