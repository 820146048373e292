"""The limits: what Django and DRF cost with one statement and nothing around it."""

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response


@api_view(["POST"])
def read_wallet(request: Request) -> Response:
    """The platform's authentication by key, and one SELECT by primary key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT available FROM billing_wallet WHERE user_id = %s", [request.user.pk])
        available = cursor.fetchone()[0]
    return Response({"available": available}, status=202)


@csrf_exempt
def touch_generation(request: HttpRequest, token: str) -> JsonResponse:
    """One UPDATE by a unique key."""
    with connection.cursor() as cursor:
        sql = "UPDATE generation_generation SET check_at = %s WHERE callback_token = %s"
        cursor.execute(sql, [timezone.now(), token])
    return JsonResponse({"code": 200, "msg": "success"})
