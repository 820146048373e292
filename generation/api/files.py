"""The REST API of a customer's own input files."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ApiView, Pages, user_of
from generation.media import uploads
from generation.models import Upload
from generation.pages import files, forms


class FileIn(serializers.Serializer):
    file = serializers.FileField(help_text="A picture, video, sound or plain text")


class FileOut(serializers.Serializer):
    id = serializers.UUIDField()
    uri = serializers.CharField(help_text='What stands for the file in an input, "upload:…"')
    url = serializers.SerializerMethodField(help_text="Where it can be read, good for a day")
    name = serializers.CharField()
    content_type = serializers.CharField(help_text="What the file really is, by its content")
    size_bytes = serializers.IntegerField()
    created_at = serializers.DateTimeField()

    def get_url(self, upload: Upload) -> str:
        return settings.PUBLIC_URL + files.upload_link(upload)


class Files(ApiView):
    parser_classes = [MultiPartParser]

    @extend_schema(request={"multipart/form-data": FileIn}, responses={201: FileOut})
    def post(self, request: Request) -> Response:
        """Upload a file for the inputs of generations."""
        file = request.FILES.get("file")
        if not isinstance(file, UploadedFile):
            raise serializers.ValidationError({"file": ["Send one file in the part called file."]}, code="required")
        upload = uploads.save(user_of(request), file)
        return Response(FileOut(upload).data, status=201, headers={"Location": f"/api/v1/files/{upload.pk}"})

    @extend_schema(
        responses=FileOut(many=True),
        parameters=[
            OpenApiParameter("kind", enum=list(forms.ACCEPT)),
            OpenApiParameter("cursor"),
            OpenApiParameter("limit"),
        ],
    )
    def get(self, request: Request) -> Response:
        """Your files, newest first."""
        kind = request.query_params.get("kind", "any")
        if kind not in forms.ACCEPT:
            raise serializers.ValidationError({"kind": ["must be image, video, audio or any"]})
        pages = Pages()
        page: list[Any] = pages.paginate_queryset(uploads.of(user_of(request), kind), request, view=self) or []
        return pages.get_paginated_response(FileOut(page, many=True).data)


class File(ApiView):
    @extend_schema(responses=FileOut)
    def get(self, request: Request, pk: UUID) -> Response:
        """One of your files."""
        return Response(FileOut(_own(request, pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete a file that no generation was made with."""
        uploads.delete(_own(request, pk))
        return Response(status=204)


def _own(request: Request, pk: UUID) -> Upload:
    """The caller's own file: anybody else's does not exist (R-API3)."""
    return get_object_or_404(Upload, pk=pk, user=user_of(request))
