"""Pictures to show to models."""

import base64
import io

from PIL import Image


def content(width: int, height: int, kind: str = "PNG") -> bytes:
    into = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(into, kind)
    return into.getvalue()


def png(width: int, height: int) -> str:
    """A data URL."""
    return f"data:image/png;base64,{base64.b64encode(content(width, height)).decode()}"
