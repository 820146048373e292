"""A draft tried on the last 30 days."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from billing import ledger
from billing.prices import Line
from generation import catalog, lifecycle
from generation.models import Generation
from generation.oversight.rehearsal import rehearse
from tests.prices.conftest import BANANA, done, draft, price_list, reseller

pytestmark = pytest.mark.django_db
SPEECH = "elevenlabs/text-to-speech-turbo-2-5"
BOUNDED = "google/gemini-3-1-flash-tts"


def said(characters: int) -> dict[str, str]:
    return {**catalog.get(SPEECH).example, "text": "x" * characters}


@pytest.fixture
def sold(alice: User, eve: User) -> list[Generation]:
    """What two customers bought under a list with a line of each kind, one of them with a discount."""
    price_list("1.5", Line(SPEECH, price_millicredits=20_000), Line("google/*", markup=Decimal("1.7")), step=10)
    reseller(eve, "15")
    made = [done(user) for user in (alice, alice, eve)]
    made += [done(user, SPEECH, said(count)) for user, count in ((alice, 333), (eve, 1234), (eve, 7))]
    return [*made, done(alice, BOUNDED, catalog.get(BOUNDED).example, cost=123)]


def charged(made: list[Generation]) -> int:
    return sum(receipt.charged for receipt in ledger.receipts([one.about for one in made]).values())


def test_under_the_list_in_effect_everybody_pays_what_they_paid(sold: list[Generation]) -> None:
    """The replay prices and charges by the very functions that priced and charged (R-PR4)."""
    same = draft("1.5", Line(SPEECH, price_millicredits=20_000), Line("google/*", markup=Decimal("1.7")), step=10)
    found = rehearse(same)
    assert found.total.now == charged(sold) > 0
    for line in [found.total, *found.models, *found.customers]:
        assert line.then == line.now
    assert (found.dearer, found.cheaper) == (0, 0)


def test_under_another_list_everybody_pays_what_a_quote_would_say(sold: list[Generation]) -> None:
    """What the replay computes from costs is what a new request of the same kind is charged (R-PR4)."""
    other = draft("3", Line(SPEECH, price_millicredits=8_000), step=7)
    found = rehearse(other)
    before = {line.name: line.now for line in found.customers}
    price_list("3", Line(SPEECH, price_millicredits=8_000), step=7)
    users = {one.user_id: one.user for one in sold}
    expected = {user.email: 0 for user in users.values()}
    for one in sold:
        cost = Generation.objects.get(pk=one.pk).cost_millicredits
        again = done(one.user, one.model, one.input, cost=cost)
        expected[one.user.email] += charged([again])
    assert {line.name: line.then for line in found.customers} == expected
    assert before == {line.name: line.then - line.change for line in found.customers}


def test_it_says_revenue_cost_and_margin_in_dollars_now_and_then(alice: User) -> None:
    done(alice)
    total = rehearse(draft("2")).total
    assert (total.number, total.now, total.then, total.cost) == (1, 5_000, 8_000, 4_000)
    assert (total.revenue_now_usd, total.revenue_then_usd) == (Decimal("0.025"), Decimal("0.04"))
    assert (total.cost_usd, total.margin_now_usd, total.margin_then_usd) == (
        Decimal("0.02"),
        Decimal("0.005"),
        Decimal("0.02"),
    )
    assert (total.margin_now_percent, total.margin_then_percent, total.change_percent) == (20, 50, 60)


def test_customers_come_by_how_much_more_or_less_they_would_pay(alice: User, eve: User) -> None:
    done(eve, SPEECH, said(100))
    done(alice)
    found = rehearse(draft("2", Line(SPEECH, markup=Decimal("0.5"))))
    assert [(line.name, line.change) for line in found.customers] == [
        ("alice@example.com", 3_000),
        ("eve@example.com", -450),
    ]
    assert (found.dearer, found.cheaper, found.others) == (1, 1, 0)


def test_what_failed_brings_nothing_but_may_have_cost_something(alice: User) -> None:
    generation = lifecycle.request(alice, BANANA, {"prompt": "a fox"})
    lifecycle.finish(generation, Generation.State.FAILED, "deadline", error="deadline", cost=4_000)
    lifecycle.request(alice, BANANA, {"prompt": "still open"})
    total = rehearse(draft("2")).total
    assert (total.number, total.now, total.then, total.cost) == (1, 0, 0, 4_000)
    assert total.margin_then_percent is None


def test_what_was_refunded_stays_refunded_to_the_same_share(alice: User, olga: User) -> None:
    generation = done(alice)
    ledger.refund(generation.about, 2_000, note="poor", author=olga)
    total = rehearse(draft("2")).total
    assert (total.now, total.then) == (3_000, 8_000 * 3_000 // 5_000)


def test_only_the_last_thirty_days_are_replayed(alice: User) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=31)):
        done(alice)
    assert rehearse(draft("2")).total.number == 0


def test_costs_that_are_our_estimate_are_counted(alice: User) -> None:
    generation = lifecycle.request(alice, BANANA, {"prompt": "a fox"})
    lifecycle.finish(generation, Generation.State.SUCCEEDED, "results stored")
    assert rehearse(draft("2")).estimated == 1


def test_a_model_that_left_the_catalogue_is_replayed_by_its_cost(alice: User) -> None:
    generation = done(alice)
    Generation.objects.filter(pk=generation.pk).update(model="gone/model")
    found = rehearse(draft("2", Line("gone/model", price_millicredits=1)))
    assert [(line.name, line.then) for line in found.models] == [("gone/model", 8_000)]


def test_it_takes_the_same_few_queries_however_much_was_sold(
    sold: list[Generation], alice: User, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(5):  # type: ignore[operator]
        rehearse(draft("2"))
