"""A description of one file that can be made."""

import hashlib
from typing import NamedTuple

CONTENT_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}


class Medium(NamedTuple):
    """kind is image, video or audio; extension names the format; equal media are equal files."""

    kind: str
    extension: str
    width: int
    height: int
    seconds: float
    caption: str
    label: str
    variant: int = 0

    @property
    def content_type(self) -> str:
        """The MIME type of the format."""
        return CONTENT_TYPES[self.extension]

    @property
    def digest(self) -> bytes:
        """32 bytes that depend on everything about it: its cache key and the source of its looks."""
        return hashlib.sha256(repr(tuple(self)).encode()).digest()

    def plain(self) -> "Medium":
        """The one small file that stands for all of this kind and format."""
        size = (0, 0) if self.kind == "audio" else (256, 144)
        return Medium(self.kind, self.extension, *size, min(self.seconds, 1.0), "", "plain")
