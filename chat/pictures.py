"""The pictures of a conversation: fetched by us, looked at, and sent to KIE inside the request.

KIE never fetches an address for a customer, so what is priced as a picture is one (R-PR6), and an address that is
good once stays good for the call.
"""

import base64
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from PIL import Image

from accounts.errors import Refused
from generation.kie import download
from generation.kie.families.chat import base

MAX_PICTURES = 20
MAX_BYTES = 10 * 1024**2
MAX_TOTAL_BYTES = 30 * 1024**2
# Anthropic's limit; pictures within it keep to the bound of their price (tokens.PICTURE_TOKENS).
MAX_SIDE_PIXELS = 8000
FETCH_SECONDS = 20.0
_AT_ONCE = 5
_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


def inline(addresses: Iterable[str]) -> dict[str, str]:
    """Each address as a data URL of the picture that is there. Raises Refused. Calls the network."""
    wanted = list(dict.fromkeys(addresses))
    if len(wanted) > MAX_PICTURES:
        raise _refused(f"There may be at most {MAX_PICTURES} pictures in a conversation.")
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        contents = list(threads.map(_content, wanted))
    if sum(map(len, contents)) > MAX_TOTAL_BYTES:
        raise _refused(f"The pictures of a conversation may have {MAX_TOTAL_BYTES // 1024**2} MB together.")
    return {address: _data_url(content) for address, content in zip(wanted, contents, strict=True)}


def _content(address: str) -> bytes:
    if address.startswith("data:"):
        try:
            content = base.decoded(address)
        except ValueError as error:
            raise _refused(f"A picture is {error}.") from None
    else:
        content = _fetched(address)
    if len(content) > MAX_BYTES:
        raise _refused(f"A picture may have at most {MAX_BYTES // 1024**2} MB.")
    return content


def _fetched(address: str) -> bytes:
    into = io.BytesIO()
    try:
        download.fetch(
            address, into, download.Limits(MAX_BYTES, FETCH_SECONDS, frozenset(settings.DOWNLOAD_ALLOW_HOSTS))
        )
    except download.Forbidden as error:
        raise _refused(f"A picture's address must be public: {error}.") from None
    except download.TooLarge:
        raise _refused(f"A picture may have at most {MAX_BYTES // 1024**2} MB.") from None
    except download.Dead:
        raise _refused("A picture could not be fetched from its address.") from None
    return into.getvalue()


def _data_url(content: bytes) -> str:
    """By what the content is, whatever was said of it. The picture is not decoded, which could take gigabytes."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            content_type, sides = _TYPES[image.format or ""], image.size
            image.verify()
    except Exception:
        # Pillow raises whatever its decoders raise.
        raise _refused("Only pictures are taken: PNG, JPEG, WebP and GIF.") from None
    if max(sides) > MAX_SIDE_PIXELS:
        raise _refused(f"A picture may have at most {MAX_SIDE_PIXELS} pixels a side.")
    return base.data_url(content_type, base64.b64encode(content).decode())


def _refused(message: str) -> Refused:
    return Refused("invalid_image", message, status=400, field="messages")
