"""Settings of payments that would lose money are refused."""

import pytest

from tests.project.test_production import GOOD, check

LIVE = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"STRIPE_WEBHOOK_SECRET": ""}, "without STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:8013"}, "another server"),
        ({"STRIPE_SECRET_KEY": "sk_test_1"}, "is a test key"),
        ({"STRIPE_SECRET_KEY": "rk_live_1", "DEBUG": "on"}, "do not go together"),
    ],
)
def test_what_would_lose_money_is_refused(change: dict[str, str], said: str) -> None:
    status, words = check({name: value for name, value in {**GOOD, **LIVE, **change}.items() if value})
    assert (status, bool(words)) == ((1, True) if said else (0, False))
    assert said in words
