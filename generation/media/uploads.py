"""A customer's input files in our storage: taking them, what they are, and letting them go."""

import logging
from datetime import timedelta
from pathlib import PurePath

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Min, QuerySet, Sum, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from generation.media import kinds, lengths
from generation.models import Generation, Upload

logger = logging.getLogger(__name__)


def save(user: User, file: UploadedFile) -> Upload:
    """Store a file after looking at what it really is.

    Raises Refused("file_too_large", "upload_quota" or "file_type").
    """
    limit = settings.UPLOAD_MAX_BYTES
    if (file.size or 0) > limit:
        raise Refused("file_too_large", f"A file has at most {limit // 1024**2} MB.", status=413, max_bytes=limit)
    _within_quota(user, file.size or 0)
    try:
        found = kinds.identify(file)
    except kinds.Unrecognised:
        message = "Only pictures, videos, sounds and plain text can be uploaded."
        raise Refused("file_type", message, status=415) from None
    upload = Upload(user=user, name=PurePath(file.name or "file").name[:200], content_type=found.content_type)
    upload.size_bytes = file.size or 0
    file.seek(0)
    folder = f"uploads/{timezone.now():%Y/%m}"
    upload.file.name = default_storage.save(f"{folder}/{upload.pk}.{found.extension}", file)
    upload.save(force_insert=True)
    file.seek(0)
    if picture := kinds.preview(file, found):
        default_storage.save(thumbnail(upload), ContentFile(picture))
    lengths.seconds(upload)
    return upload


def _within_quota(user: User, size: int) -> None:
    """Storage is not endless: a limit per user and day, over all their files."""
    now, day = timezone.now(), timedelta(days=1)
    recent = Upload.objects.filter(user=user, created_at__gt=now - day)
    found = recent.aggregate(used=Sum("size_bytes", default=0), first=Min("created_at"))
    limit = settings.UPLOAD_DAILY_BYTES
    if found["used"] + size > limit:
        frees_at = (found["first"] or now) + day
        raise Refused(
            "upload_quota",
            f"You can upload {limit // 1024**2} MB a day; try again later.",
            status=429,
            max_bytes=limit,
            frees_at=frees_at.isoformat(),
            retry_after_seconds=max(1, round((frees_at - now).total_seconds())),
        )


def thumbnail(upload: Upload) -> str:
    """Where the small picture of a file is, if it has one; pictures and videos have."""
    return f"{str(upload.file).rpartition('.')[0]}.preview.webp"


def pictured(upload: Upload) -> bool:
    return upload.content_type.startswith(("image/", "video/"))


def of(user: User, kind: str = "any") -> QuerySet[Upload]:
    """The user's files, newest first; of one kind (image, video, audio) where a field takes only that."""
    rows = Upload.objects.filter(user=user).order_by("-created_at", "-pk")
    return rows if kind == "any" else rows.filter(content_type__startswith=f"{kind}/")


def used(upload: Upload) -> bool:
    """Whether a generation names the file: it can be run again only while the file is there."""
    rows = Generation.objects.filter(user_id=upload.user_id, created_at__gte=upload.created_at)
    return rows.annotate(text=Cast("input", TextField())).filter(text__contains=upload.uri).exists()


def delete(upload: Upload) -> None:
    """Forget a file that nothing uses. Raises Refused("file_in_use")."""
    if used(upload):
        raise Refused("file_in_use", "A generation of yours was made with this file.", status=409)
    names = [str(upload.file), thumbnail(upload)]
    upload.delete()
    for name in names:
        try:
            default_storage.delete(name)
        except OSError:
            # The row is gone and nothing leads to the file any more.
            logger.warning("the file %s could not be deleted", name, exc_info=True)
