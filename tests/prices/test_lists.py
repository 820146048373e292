"""Which price applies to whom, and when."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing import prices
from billing.models import PriceList
from billing.prices import Line
from generation import catalog, lifecycle, offers, pricing
from tests.prices.conftest import BANANA, FOX, draft, price_list, reseller

pytestmark = pytest.mark.django_db


def price(user: User) -> int:
    return offers.quote(user, BANANA, FOX).price_millicredits


def test_without_any_list_the_markup_of_the_settings_is_charged(alice: User) -> None:
    assert not PriceList.objects.exists()
    assert price(alice) == 5_000
    assert offers.quote(alice, BANANA, FOX).price_version.endswith("/x1.25")


def test_the_list_in_effect_is_charged_and_named_by_the_generation(alice: User) -> None:
    made = price_list("2")
    generation = lifecycle.request(alice, BANANA, FOX)
    assert generation.price_millicredits == 8_000
    assert generation.price_version.endswith(f"/p{made.pk}")


def test_a_list_takes_effect_at_its_instant_without_any_job(alice: User) -> None:
    """Half open: at the instant itself the new list counts."""
    at = timezone.now() + timedelta(hours=1)
    price_list("3", at=at)
    assert price(alice) == 5_000
    with time_machine.travel(at - timedelta(microseconds=1), tick=False):
        assert price(alice) == 5_000
    with time_machine.travel(at, tick=False):
        assert price(alice) == 12_000


def test_another_process_sells_by_a_new_list_within_seconds(alice: User, settings: Any) -> None:
    assert price(alice) == 5_000
    # As another process does it, which cannot empty what this one keeps.
    other = draft("2", at=timezone.now())
    other.save()
    soon = timezone.now() + timedelta(seconds=settings.PRICES_RELOAD_SECONDS + 0.1)
    with time_machine.travel(soon, tick=False):
        assert price(alice) == 8_000


def test_choosing_the_tariff_costs_no_query_once_the_lists_are_known(
    alice: User, django_assert_num_queries: Any
) -> None:
    price_list("2", Line("google/*", markup=Decimal(3)))
    prices.tariffs(alice.pk)
    with django_assert_num_queries(0):
        prices.tariffs(alice.pk)
    reseller(alice)
    prices.tariffs(alice.pk)
    with django_assert_num_queries(1):
        prices.tariffs(alice.pk)


G = "resellers"


@pytest.mark.parametrize(
    ("lines", "group", "expected"),
    [
        ([], "", "2"),
        ([Line("*", markup=Decimal(3))], "", "3"),
        ([Line("*", markup=Decimal(3)), Line("google/*", markup=Decimal(4))], "", "4"),
        ([Line("google/*", markup=Decimal(4)), Line("google/nano*", markup=Decimal(5))], "", "5"),
        ([Line(BANANA, markup=Decimal(6)), Line("google/nano-banana*", markup=Decimal(5))], "", "6"),
        ([Line("veo-*", markup=Decimal(9))], "", "2"),
        ([Line("*", G, markup=Decimal("1.5"))], "", "2"),
        # Of a group's own line nothing more is taken off; of what counts for everyone, 10 %.
        ([Line("*", G, markup=Decimal("1.5")), Line(BANANA, markup=Decimal(6))], G, "1.5"),
        ([Line("*", G, markup=Decimal("1.5")), Line(BANANA, G, markup=Decimal("1.4"))], G, "1.4"),
        ([Line(BANANA, markup=Decimal(6)), Line("veo-*", G, markup=Decimal("1.5"))], G, "5.4"),
        ([], G, "1.8"),
    ],
)
def test_the_most_specific_line_wins(lines: list[Line], group: str, expected: str) -> None:
    for given in (lines, lines[::-1]):
        tariffs = prices.Tariffs.under(draft("2", *given), group, Decimal(10 if group else 0))
        assert tariffs.of(BANANA).markup == Decimal(expected)


def test_a_price_per_unit_is_charged_for_every_unit_and_discounted_like_a_markup(alice: User, eve: User) -> None:
    model = "elevenlabs/text-to-speech-turbo-2-5"
    values = {**catalog.get(model).example, "text": "x" * 500}
    price_list("2", Line(model, price_millicredits=10_000))
    quote = offers.quote(alice, model, values)
    assert (quote.price_millicredits, quote.cost.quantity) == (5_000, Decimal("0.5"))
    reseller(eve, "10")
    assert offers.quote(eve, model, values).price_millicredits == 4_500


def test_where_a_price_per_unit_makes_no_sense_any_more_the_next_markup_counts() -> None:
    """A model may get several prices after its line was written."""
    entry = catalog.get("grok-imagine/text-to-video")
    fixed, marked = Line(entry.id, price_millicredits=5), Line("grok-*", markup=Decimal(3))
    tariff = prices.Tariffs.under(draft("2", fixed, marked)).of(entry.id)
    assert tariff.fixed_millicredits == 5
    quote = pricing.quote(entry, catalog.validate(entry, entry.example), tariff)
    assert quote.price_millicredits == 3 * quote.cost.millicredits


def test_the_discount_of_a_group_is_in_the_price_and_its_version(alice: User, eve: User) -> None:
    made = price_list("2")
    reseller(eve, "12.5")
    quote = offers.quote(eve, BANANA, FOX)
    assert quote.price_millicredits == 7_000
    assert quote.price_version.endswith(f"/p{made.pk}-12.5%")
    assert price(alice) == 8_000


def test_a_customer_is_in_one_group_at_most(alice: User) -> None:
    price_list("2")
    reseller(alice, "10")
    reseller(alice, "50", name="friends")
    assert price(alice) == 4_000
    prices.join(alice, None)
    assert price(alice) == 8_000


@pytest.mark.parametrize("step", [1, 10, 50, 1_000])
def test_prices_are_rounded_up_to_a_multiple_of_the_step(alice: User, step: int) -> None:
    """R-PR7"""
    price_list("1.2503", step=step)
    amount = price(alice)
    assert amount % step == 0
    assert 0 <= amount - Decimal("5001.2") < step


# Versions


def test_a_list_is_never_changed_not_even_by_sql(alice: User) -> None:
    made = price_list("2")
    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic():
        PriceList.objects.filter(pk=made.pk).update(markup=1)
    made.markup = Decimal(1)
    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic():
        made.save()
    prices.forget()
    assert price(alice) == 8_000


@pytest.mark.parametrize("wrong", [{"markup": 0}, {"markup": -1}, {"markup": 1001}, {"step_millicredits": 0}])
def test_the_database_takes_no_list_that_makes_no_sense(db: None, wrong: dict[str, int]) -> None:
    made = draft("2", at=timezone.now())
    for name, value in wrong.items():
        setattr(made, name, value)
    with pytest.raises(DatabaseError), transaction.atomic():
        made.save()


def test_a_list_that_is_still_to_come_can_be_withdrawn_and_no_other(alice: User) -> None:
    price_list("2")
    coming = price_list("3", at=timezone.now() + timedelta(hours=1))
    prices.withdraw(coming)
    with pytest.raises(Refused, match="stays as it is"):
        prices.withdraw(PriceList.objects.get())
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert price(alice) == 8_000


def test_no_list_takes_effect_in_the_past_or_together_with_another(alice: User) -> None:
    at = timezone.now() + timedelta(hours=1)
    price_list("3", at=at)
    with pytest.raises(Refused) as same:
        price_list("4", at=at)
    with pytest.raises(Refused) as past:
        price_list("4", at=timezone.now() - timedelta(seconds=1))
    assert (same.value.code, past.value.code) == ("price_list_instant", "price_list_past")
    assert PriceList.objects.count() == 1
