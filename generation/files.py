"""Serving stored files: by a signed address that expires, in a way that cannot run as a page (R-SEC5)."""

import re
from typing import IO, Any

from django.core import signing
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from generation.models import Asset

SALT = "generation.files"
LIFETIME_SECONDS = 24 * 3600
_SAFE_INLINE = ("image/", "video/", "audio/")


def link(asset: Asset, *, preview: bool = False) -> str:
    """The path of a result, or of its preview picture, good for a day. Whoever has it can read the file."""
    name = str(asset.preview if preview else asset.file)
    token = signing.dumps([str(asset.pk), int(preview)], salt=SALT, compress=False)
    return reverse("file", args=[token, name.rpartition("/")[2]])


@require_safe
def serve(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """One stored file, whole or the byte range that a player asks for."""
    try:
        pk, preview = signing.loads(token, salt=SALT, max_age=LIFETIME_SECONDS)
        asset = Asset.objects.get(pk=pk)
    except (signing.BadSignature, Asset.DoesNotExist):
        raise Http404 from None
    path = str(asset.preview if preview else asset.file)
    content_type = "image/webp" if preview else asset.content_type
    try:
        response = _content(request, default_storage.open(path), default_storage.size(path), content_type)
    except FileNotFoundError:
        raise Http404 from None
    inline = content_type.startswith(_SAFE_INLINE) and "download" not in request.GET
    response["Content-Disposition"] = f'{"inline" if inline else "attachment"}; filename="{path.rpartition("/")[2]}"'
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = f"private, max-age={LIFETIME_SECONDS}, immutable"
    response["Accept-Ranges"] = "bytes"
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
