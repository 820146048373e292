"""API keys are kept as a digest and shown once (R-SEC2)."""

from datetime import timedelta
from typing import Any

import pytest
from django.forms import model_to_dict
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, User, key_digest


def status_with(client: Client, key: str) -> int:
    return client.get("/api/v1/balance", headers={"Authorization": f"Bearer {key}"}).status_code


def test_the_database_has_only_a_digest_that_needs_the_secret_key(alice: User, settings: Any) -> None:
    """R-SEC2"""
    key, full = ApiKey.issue(alice, "shop")
    secret = full.split("_", 2)[2]
    row = ApiKey.objects.filter(pk=key.pk).values().get()
    assert not any(secret in str(value) for value in row.values())
    assert row["digest"] == key_digest(full)
    settings.SECRET_KEY = "another"
    assert row["digest"] != key_digest(full)


def test_what_the_database_has_opens_nothing(client: Client, alice: User) -> None:
    """R-SEC2"""
    key, full = ApiKey.issue(alice, "shop")
    assert status_with(client, full) == 200
    guesses = [key.prefix, key.digest, f"kp_{key.prefix}", f"kp_{key.prefix}_", f"kp_{key.prefix}_{key.digest}"]
    for guess in [*guesses, full[:-1], full + "x", full.upper(), f"kp_00000000_{full.split('_', 2)[2]}", "", "ü"]:
        assert status_with(client, guess) == 401


def test_a_key_of_eve_is_no_key_of_alice(client: Client, alice: User, eve: User) -> None:
    """R-API3: the prefix of one with the secret of the other."""
    hers, _ = ApiKey.issue(alice, "shop")
    _, own = ApiKey.issue(eve, "shop")
    assert status_with(client, f"kp_{hers.prefix}_{own.split('_', 2)[2]}") == 401


@pytest.mark.parametrize("field", ["expires_at", "revoked_at"])
def test_a_key_that_is_over_opens_nothing(client: Client, alice: User, field: str) -> None:
    key, full = ApiKey.issue(alice, "shop")
    ApiKey.objects.filter(pk=key.pk).update(**{field: timezone.now() - timedelta(seconds=1)})
    assert status_with(client, full) == 401


def test_the_key_of_someone_locked_out_opens_nothing(client: Client, alice: User) -> None:
    _, full = ApiKey.issue(alice, "shop")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert status_with(client, full) == 401


def test_a_refusal_does_not_repeat_the_key(client: Client, alice: User) -> None:
    """R-SEC3"""
    key, full = ApiKey.issue(alice, "shop")
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    answer = client.get("/api/v1/balance", headers={"Authorization": f"Bearer {full}"})
    assert full.split("_", 2)[2] not in answer.content.decode() + str(answer.headers)
    assert full not in repr(key) + str(model_to_dict(key))
