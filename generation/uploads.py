"""Taking a customer's input file into our storage."""

from datetime import timedelta
from pathlib import PurePath

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Sum
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from generation import media
from generation.models import Upload


def save(user: User, file: UploadedFile) -> Upload:
    """Store a file after looking at what it really is.

    Raises Refused("file_too_large", "upload_quota" or "file_type").
    """
    limit = settings.UPLOAD_MAX_BYTES
    if (file.size or 0) > limit:
        raise Refused("file_too_large", f"A file has at most {limit // 1024**2} MB.", status=413, max_bytes=limit)
    _within_quota(user, file.size or 0)
    try:
        found = media.identify(file)
    except media.Unrecognised:
        message = "Only pictures, videos, sounds and plain text can be uploaded."
        raise Refused("file_type", message, status=415) from None
    upload = Upload(user=user, name=PurePath(file.name or "file").name[:200], content_type=found.content_type)
    upload.size_bytes = file.size or 0
    file.seek(0)
    folder = f"uploads/{timezone.now():%Y/%m}"
    upload.file.name = default_storage.save(f"{folder}/{upload.pk}.{found.extension}", file)
    upload.save(force_insert=True)
    return upload


def _within_quota(user: User, size: int) -> None:
    """Storage is not endless: a limit per user and day, over all their files."""
    since = timezone.now() - timedelta(days=1)
    used = Upload.objects.filter(user=user, created_at__gt=since).aggregate(total=Sum("size_bytes", default=0))["total"]
    if used + size > settings.UPLOAD_DAILY_BYTES:
        limit = settings.UPLOAD_DAILY_BYTES // 1024**2
        raise Refused("upload_quota", f"You can upload {limit} MB a day; try again tomorrow.", status=429)
