"""Forged callbacks have the shape of their family, so that a client cannot tell them by it."""

from typing import Any

import pytest

from tests.kie_simulator.conftest import FOX, Kie, Receiver

CLIP = {**FOX, "videoUrl": "https://example.com/a.mp4"}
CREATES: list[tuple[str, dict[str, Any]]] = [
    ("flux/kontext/generate", FOX),
    ("runway/generate", {**FOX, "duration": 5, "quality": "720p", "aspectRatio": "16:9"}),
    ("aleph/generate", CLIP),
    ("modify/generate", CLIP),
    ("mj/generate", {**FOX, "taskType": "mj_txt2img"}),
]


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items() if name != "promptJson"}
    return type(value)


@pytest.mark.parametrize(("path", "body"), CREATES, ids=[path for path, _ in CREATES])
def test_a_forged_success_looks_like_a_real_one(kie: Kie, receiver: Receiver, path: str, body: dict[str, Any]) -> None:
    kie.simulator.serve_retired()
    for word in ("callback-forged", "callback-forged-fail"):
        wanted = {**body, "prompt": f"sim:{word} sim:callback-lost", "callBackUrl": receiver.url}
        assert kie.post(f"/api/v1/{path}", wanted)["code"] == 200
    forged, failed = sorted(receiver.wait(2), key=lambda sent: sent["code"])
    assert "attacker" in str(forged) and failed["code"] == 400
    assert kie.post(f"/api/v1/{path}", {**body, "callBackUrl": receiver.url})["code"] == 200
    assert shape(receiver.wait(3)[2]) == shape(forged)
