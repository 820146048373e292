"""Pictures that customers show to models: where they may be, and what they may be (R-SEC1)."""

import base64
import io
from typing import Any

import pytest

from accounts.errors import Refused
from accounts.models import User
from chat import pictures
from generation import gateway, pricing, tokens
from generation.models import Generation
from tests.chat import talking
from tests.chat.pictures import content, png
from tests.chat.talking import DIALECTS, GEMINI
from tests.simulator import Simulator

pytestmark = [pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def look(address: str, text: str = "What is this?") -> list[dict[str, Any]]:
    picture = {"type": "image_url", "image_url": {"url": address}}
    return [{"role": "user", "content": [{"type": "text", "text": text}, picture]}]


async def shown(user: User, model: str, messages: list[dict[str, Any]]) -> str:
    from chat import calls

    return talking.text_of([event async for event in calls.answer(user, model, messages)])


def refused(address: str) -> str:
    with pytest.raises(Refused) as error:
        pictures.inline([address])
    assert (error.value.code, error.value.status) == ("invalid_image", 400)
    return error.value.message


@pytest.mark.parametrize("model", DIALECTS)
def test_a_picture_at_an_address_is_fetched_by_us_and_sent_along(kie: Simulator, alice: User, model: str) -> None:
    address = gateway.client().upload(io.BytesIO(content(120, 80)), "fox.png", "image/png")
    text = talking.run(shown(alice, model, look(address)))
    assert "120 × 80 pixels" in text
    (chat,) = kie.control("GET", "chats")
    assert address not in str(chat["body"])


def test_a_picture_is_what_its_content_is(kie: Simulator) -> None:
    jpeg = f"data:image/png;base64,{base64.b64encode(content(8, 8, 'JPEG')).decode()}"
    assert pictures.inline([jpeg])[jpeg].startswith("data:image/jpeg;base64,")
    for kind in ("WEBP", "GIF"):
        found = f"data:;base64,{base64.b64encode(content(8, 8, kind)).decode()}"
        assert pictures.inline([found])[found].startswith(f"data:image/{kind.lower()};")


def test_addresses_that_are_not_public_are_refused(kie: Simulator) -> None:
    for address in ("http://169.254.169.254/latest", "http://localhost/x.png", "file:///etc/passwd", "ftp://x/y"):
        assert "public" in refused(address)


@pytest.mark.parametrize(
    "address",
    [
        "data:image/png;base64,AAAA",
        "data:image/png;base64,not base64",
        "data:image/png,plain",
        f"data:image/png;base64,{base64.b64encode(b'<svg/>').decode()}",
        f"data:image/png;base64,{base64.b64encode(content(8, 8, 'BMP')).decode()}",
    ],
)
def test_what_is_no_picture_is_refused(address: str) -> None:
    assert refused(address)


def test_an_address_that_leads_nowhere_is_refused_before_anything_is_held(kie: Simulator, alice: User) -> None:
    with pytest.raises(Refused) as error:
        talking.run(shown(alice, GEMINI, look(f"{kie.files}/nothing-here.png")))
    assert "could not be fetched" in error.value.message
    assert not Generation.objects.exists()


def test_pictures_have_limits_in_number_bytes_and_pixels() -> None:
    with pytest.raises(Refused, match="at most 20 pictures"):
        pictures.inline([png(8, 8 + extra) for extra in range(21)])
    assert "pixels a side" in refused(png(8001, 1))
    huge = base64.b64encode(content(1, 1) + b"x" * pictures.MAX_BYTES).decode()
    assert "MB" in refused(f"data:image/png;base64,{huge}")


def test_a_picture_costs_a_fixed_number_of_tokens_at_most_however_long_its_data_is(kie: Simulator, alice: User) -> None:
    """R-PR4"""

    async def price(messages: list[dict[str, Any]]) -> pricing.Quote:
        from chat import calls

        return await calls.quote(alice, GEMINI, messages)

    small = talking.run(price(look(png(8, 8)))).cost.millicredits
    assert talking.run(price(look(png(2000, 2000)))).cost.millicredits == small
    without = talking.run(price(talking.said("What is this?"))).cost.millicredits
    # 30 credits for a million tokens, and the few bytes by which the message is longer.
    assert 0 <= small - without - tokens.PICTURE_TOKENS * 30 // 1000 <= 3


def test_a_data_url_in_a_text_is_text(kie: Simulator, alice: User) -> None:
    """Whoever writes one there pays for its letters."""

    async def price(text: str) -> int:
        from chat import calls

        return (await calls.quote(alice, GEMINI, talking.said(text))).cost.millicredits

    letters = 500_000
    plain, long = (
        talking.run(price("data:image/png;base64,")),
        talking.run(price("data:image/png;base64," + "A" * letters)),
    )
    assert long - plain == letters * 30 // 1000
