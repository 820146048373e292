"""One row that goes wrong holds up nobody else."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from billing.models import Alert
from generation import lifecycle, polling, submission
from generation.kie.families.base import Status
from generation.models import Generation
from tests import driving
from tests.generation.test_faults import IMAGE, order
from tests.simulator import Simulator


@pytest.mark.simulator
def test_a_row_of_a_model_that_is_gone_keeps_nobody_waiting(kie: Simulator, alice: User, settings: Any) -> None:
    settings.DEADLINE_SECONDS = {"image": 2}
    poisoned, good = order(alice, IMAGE, "a fox"), order(alice, IMAGE, "a hare")
    lifecycle.move(poisoned, "running", "submitting", kie_task_id="x", model="gone/model", check_at=timezone.now())
    assert driving.finish(good).state == "succeeded"
    assert driving.finish(poisoned).error_code == "deadline"


def test_an_error_of_one_row_is_told_and_the_others_move_on(alice: User) -> None:
    poisoned, good = order(alice, IMAGE, "a fox"), order(alice, IMAGE, "a hare")
    Generation.objects.update(submit_by=timezone.now())
    # More than the day has used: giving it back would break the budget, which the database refuses.
    Generation.objects.filter(pk=poisoned.pk).update(cost_estimate_millicredits=10**15)
    assert polling.sweep() == 2
    assert polling.sweep() == 0, "a row that goes wrong is left alone for a lease"
    states = dict(Generation.objects.values_list("pk", "state"))
    assert states == {poisoned.pk: "queued", good.pk: "failed"}
    assert Alert.objects.filter(key__startswith=f"stuck:{poisoned.pk}").exists()


def test_a_queued_row_too_near_its_deadline_is_not_bought(alice: User) -> None:
    generation = order(alice, IMAGE, "a fox")
    Generation.objects.filter(pk=generation.pk).update(submit_by=timezone.now())
    assert not submission.due()
    polling.sweep()
    generation.refresh_from_db()
    assert (generation.state, generation.error_code, generation.cost_millicredits) == (
        "failed",
        "temporarily_unavailable",
        0,
    )


def test_a_success_without_a_result_has_a_grace_and_then_fails_with_its_cost(alice: User) -> None:
    generation = order(alice, IMAGE, "a fox")
    lifecycle.move(generation, "running", "submitting", kie_task_id="x", started_at=timezone.now())
    empty = Status("empty", cost_millicredits=4_000)
    assert not polling.act(generation, empty, None)
    generation.started_at = timezone.now() - polling.GRACE
    assert polling.act(generation, empty, None)
    generation.refresh_from_db()
    assert (generation.error_code, generation.cost_millicredits) == ("empty_result", 4_000)
    assert generation.check_at is not None
