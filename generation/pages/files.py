"""Serving stored files: by a signed address that expires, in a way that cannot run as a page (R-SEC5)."""

import re
from typing import IO, Any

from django.core import signing
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from generation.media import content, uploads
from generation.models import Asset, Upload

SALT = "generation.files"
LIFETIME_SECONDS = 24 * 3600
# What a link leads to
RESULT, PREVIEW, UPLOAD, THUMBNAIL = range(4)
_SAFE_INLINE = ("image/", "video/", "audio/")


def link(asset: Asset, *, preview: bool = False) -> str:
    """The path of a result, or of its preview picture, good for a day. Whoever has it can read the file."""
    return _address(asset.pk, PREVIEW if preview else RESULT, str(asset.preview if preview else asset.file))


def converted_link(asset: Asset, extension: str) -> str:
    """The path of a result in another of its formats, likewise."""
    return _address(asset.pk, extension, f"{str(asset.file).rpartition('.')[0]}.{extension}")


def upload_link(upload: Upload, *, thumbnail: bool = False) -> str:
    """The path of a customer's file, or of a small picture of it, likewise."""
    return _address(upload.pk, THUMBNAIL if thumbnail else UPLOAD, str(upload.file))


def _address(pk: Any, part: int | str, name: str) -> str:
    token = signing.dumps([str(pk), part], salt=SALT, compress=False)
    return reverse("file", args=[token, name.rpartition("/")[2]])


@require_safe
def serve(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """One stored file, whole or the byte range that a player asks for."""
    try:
        pk, part = signing.loads(token, salt=SALT, max_age=LIFETIME_SECONDS)
        if isinstance(part, str):
            return _converted(Asset.objects.get(pk=pk), part)
        path, content_type = _stored(pk, part)
    except (signing.BadSignature, Asset.DoesNotExist, Upload.DoesNotExist):
        raise Http404 from None
    try:
        response = _content(request, default_storage.open(path), default_storage.size(path), content_type)
    except FileNotFoundError:
        raise Http404 from None
    inline = content_type.startswith(_SAFE_INLINE) and "download" not in request.GET
    return _guarded(response, path.rpartition("/")[2], inline)


def _stored(pk: str, part: int) -> tuple[str, str]:
    """Where a file is in the storage, and its type."""
    if part in (UPLOAD, THUMBNAIL):
        upload = Upload.objects.get(pk=pk)
        if part == THUMBNAIL:
            return uploads.thumbnail(upload), "image/webp"
        return str(upload.file), upload.content_type
    asset = Asset.objects.get(pk=pk)
    return (str(asset.preview), "image/webp") if part == PREVIEW else (str(asset.file), asset.content_type)


def _converted(asset: Asset, extension: str) -> HttpResponseBase:
    try:
        response = HttpResponse(content.converted(asset, extension), content_type=content.TYPES[extension])
    except FileNotFoundError:
        raise Http404 from None
    name = str(asset.file).rpartition("/")[2].rpartition(".")[0]
    return _guarded(response, f"{name}.{extension}", inline=False)


def _guarded(response: HttpResponseBase, name: str, inline: bool) -> HttpResponseBase:
    response["Content-Disposition"] = f'{"inline" if inline else "attachment"}; filename="{name}"'
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = f"private, max-age={LIFETIME_SECONDS}, immutable"
    response["Accept-Ranges"] = "none" if isinstance(response, HttpResponse) else "bytes"
    return response


def _content(request: HttpRequest, file: Any, size: int, content_type: str) -> HttpResponseBase:
    match = re.fullmatch(r"bytes=([0-9]{0,15})-([0-9]{0,15})", request.headers.get("Range", ""))
    if not match or match.group(0) == "bytes=-":
        return FileResponse(file, content_type=content_type)
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    file.seek(start)
    response = FileResponse(_Part(file, stop - start), status=206, content_type=content_type)
    response["Content-Length"] = str(stop - start)
    response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


class _Part:
    """The next `length` bytes of an open file."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        self.file, self.left = file, length

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        return data

    def close(self) -> None:
        self.file.close()
