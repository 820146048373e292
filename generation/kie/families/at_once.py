"""Endpoints whose answer to the order is the result itself."""

from typing import Any

from generation.kie.families import failures
from generation.kie.families.base import SUCCESS, Answer, Family, Request


class AtOnce(Family):
    """Nobody is called back, and there is no task to ask for later. `accepted` are the codes that mean success."""

    query_path = ""
    accepted: frozenset[int] = frozenset({SUCCESS})

    def create(self, method: str, endpoint: str, model: str, body: dict[str, Any], callback_url: str) -> Request:
        return super().create(method, endpoint, model, body, "")

    def created(self, request: Request, answer: Answer, nonce: str) -> str:
        if answer.code not in self.accepted:
            raise failures.refusal(answer.status, answer.code, answer.message)
        return ""
