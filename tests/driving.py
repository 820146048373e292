"""Driving generations in the test's own process, step by step, the way the queue's workers do."""

import time
from collections.abc import Callable

from generation import polling, results, submission
from generation.models import Generation

State = Generation.State


def step() -> None:
    """Everything that the workers would do now, once."""
    for generation in Generation.objects.filter(state=State.QUEUED, kie_files__isnull=True):
        submission.prepare(generation)
    submission.submit_waiting()
    polling.sweep()
    for generation in Generation.objects.filter(state=State.RUNNING).exclude(kie_partial=[]):
        results.store_partial(generation)
    for generation in Generation.objects.filter(state=State.STORING):
        results.store(generation)
    for generation in Generation.objects.filter(state=State.FAILED, check_at__isnull=False, assets=None):
        if generation.kie_results:
            results.store(generation)


def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Step until the condition holds; fail when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not come true in {seconds} s"
        step()
        time.sleep(0.02)


def finish(generation: Generation, *, seconds: float = 20) -> Generation:
    """Step until the generation has ended; returns it fresh."""
    until(lambda: Generation.objects.get(pk=generation.pk).terminal, seconds=seconds)
    return Generation.objects.get(pk=generation.pk)
