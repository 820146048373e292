"""verify_money finds every kind of damage, and nothing in books that are right (rules, section 9)."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import User
from billing import ledger
from billing.models import BudgetUse, Entry, Lot, LotChange, Wallet
from generation import lifecycle
from generation.models import Asset, Event, Generation, Heartbeat
from tests.verify.conftest import ALL, IN_DATABASE, allow_double_task_ids, verify

History = dict[str, Generation]
pytestmark = pytest.mark.usefixtures("unguarded")


def finds(line: str) -> bool:
    """Whether the command ends with 1 and says this in a line of its own."""
    code, output = verify()
    assert code == 1, output
    assert line in output.splitlines(), output
    return True


def change(generation: Generation, **fields: object) -> None:
    Generation.objects.filter(pk=generation.pk).update(**fields)


def test_no_check_has_gone_missing() -> None:
    assert (IN_DATABASE, ALL) == (24, 25)


def test_books_that_are_right_are_all_good(history: History) -> None:
    assert verify() == (0, f"{ALL} checks, {Entry.objects.count()} entries: all good\n")


def test_an_empty_platform_is_all_good() -> None:
    assert verify() == (0, f"{ALL} checks, 0 entries: all good\n")


def test_an_entry_that_does_not_add_up(history: History) -> None:
    """R-INV1"""
    entry = Entry.objects.get(key=f"hold:{history['queued'].about}")
    Entry.objects.filter(pk=entry.pk).update(available=F("available") + 5)
    assert finds(f"1 entries_add_up_to_zero: entry {entry.pk} ({entry.key}) adds up to 5")


def test_a_wallet_that_differs_from_its_entries(history: History, eve: User) -> None:
    """R-INV1"""
    Wallet.objects.filter(pk=eve.pk).update(available=F("available") + 5, outside=F("outside") - 5)
    entries, outside = 1_004_000, -1_004_000
    assert finds(
        f"1 wallets_equal_their_entries: wallet {eve.pk}: available is {entries + 5}, its entries add up to {entries}"
    )
    assert finds(
        f"1 wallets_equal_their_entries: wallet {eve.pk}: outside is {outside - 5}, its entries add up to {outside}"
    )


def test_a_wallet_with_credits_and_no_entries(bob: User) -> None:
    """R-INV1"""
    Wallet.objects.filter(pk=bob.pk).update(available=5, outside=-5)
    assert finds(f"1 wallets_equal_their_entries: wallet {bob.pk}: available is 5, its entries add up to 0")


def test_a_bucket_below_its_floor(bob: User) -> None:
    """R-INV2"""
    Wallet.objects.filter(pk=bob.pk).update(available=-5, outside=5)
    floor = "available -5 (overdraft 0), held 0, spent 0, expired 0, owed 0"
    assert finds(f"2 buckets_are_above_their_floors: wallet {bob.pk} is below a floor: {floor}")


def test_an_overdraft_that_is_allowed_is_no_violation(bob: User) -> None:
    """R-LED6"""
    Wallet.objects.filter(pk=bob.pk).update(overdraft_limit=500)
    ledger.hold(bob.pk, 500, about="job")
    ledger.settle("job", 500)
    assert verify()[0] == 0


def test_an_overdraft_that_was_paid_and_taken_away_is_no_violation(bob: User) -> None:
    """R-LED6, R-INV4"""
    Wallet.objects.filter(pk=bob.pk).update(overdraft_limit=500)
    ledger.hold(bob.pk, 500, about="job")
    ledger.settle("job", 500)
    ledger.top_up(bob, 800, payment="pay")
    Wallet.objects.filter(pk=bob.pk).update(overdraft_limit=0)
    assert verify()[0] == 0


def test_a_hold_that_was_settled_twice(history: History) -> None:
    """R-INV3"""
    about = history["succeeded"].about
    Entry.objects.create(
        wallet_id=history["succeeded"].user_id, kind="settle", key="settle:again", about=about, held=-5, spent=5
    )
    assert finds(f"3 holds_are_settled_once: {about} has 1 holds and 2 settlements")


def test_a_settlement_of_nothing(alice: User) -> None:
    """R-INV3"""
    Entry.objects.create(wallet_id=alice.pk, kind="settle", key="settle:x", about="x", held=-5, available=5)
    assert finds("3 holds_are_settled_once: x has 0 holds and 1 settlements")


def test_a_hold_without_a_generation(alice: User) -> None:
    """R-INV3"""
    about = f"generation:{uuid.uuid4()}"
    ledger.hold(alice.pk, 5, about=about)
    fault = "credits are held for a generation that does not exist"
    assert finds(f"3 open_holds_are_open_generations: {about}: {fault}")


def test_a_generation_without_a_hold(history: History) -> None:
    about = history["queued"].about
    Entry.objects.filter(about=about).delete()
    assert finds(f"3 open_holds_are_open_generations: {about} is queued and has no hold")


def test_a_settlement_of_less_than_was_held(history: History) -> None:
    """R-INV4"""
    about = history["succeeded"].about
    Entry.objects.filter(key=f"settle:{about}").update(held=-4_000, spent=4_000)
    fault = "5000 were held, 4000 charged, 0 returned, 4000 released"
    assert finds(f"4 settlements_share_out_what_was_held: {about}: {fault}")


def test_a_settlement_into_another_wallet(history: History, eve: User) -> None:
    """R-INV4"""
    about = history["succeeded"].about
    Entry.objects.filter(key=f"settle:{about}").update(wallet=eve.pk)
    fault = "5000 were held, 5000 charged, 0 returned, 5000 released"
    assert finds(f"4 settlements_share_out_what_was_held: {about}: {fault}")


def test_a_lot_that_has_more_than_its_wallet(history: History, unguarded: None) -> None:
    """R-INV2"""
    lot = Lot.objects.get(wallet__user__email="alice@example.com")
    Lot.objects.filter(pk=lot.pk).update(remaining=lot.remaining - 1)
    has, left = lot.remaining, lot.remaining - 1
    assert finds(f"2 open_lots_are_what_wallets_have: wallet {lot.wallet_id} has {has}, its open lots add up to {left}")
    assert finds(f"2 lots_equal_their_changes: lot {lot.pk} of {lot.amount} has {left}, its changes add up to {has}")


def test_a_charge_that_no_lot_paid(history: History, unguarded: None) -> None:
    """R-INV4: charged = taken from lots, for each hold."""
    about = history["succeeded"].about
    LotChange.objects.filter(entry__key=f"settle:{about}").delete()
    assert finds(f"4 charges_are_paid_by_lots: {about} was charged 5000, its lots gave 0")


def test_a_refund_of_more_than_was_charged(history: History) -> None:
    """R-INV4"""
    about = history["refunded"].about
    Entry.objects.filter(key=f"refund:{about}").update(available=6_000, spent=-6_000)
    assert finds(f"4 refunds_are_covered_by_charges: {about}: 6000 were refunded, 5000 charged")


def test_a_generation_that_ended_without_a_settlement(history: History) -> None:
    """R-INV5: R-REF4"""
    change(history["queued"], state="failed", finished_at=timezone.now())
    about = history["queued"].about
    assert finds(f"5 terminal_means_settled: {about} is failed, and its hold is not settled")


def test_a_settlement_of_a_generation_that_is_open(history: History) -> None:
    """R-INV5"""
    change(history["failed"], state="running", finished_at=None)
    about = history["failed"].about
    assert finds(f"5 terminal_means_settled: {about} is running, and its hold is settled")


def test_a_charge_for_a_failure(history: History) -> None:
    """R-INV5"""
    change(history["succeeded"], state="failed")
    assert finds(f"5 charged_means_succeeded: {history['succeeded'].about} is failed and was charged 5000")


def test_a_success_for_nothing(history: History) -> None:
    """R-INV5"""
    change(history["failed"], state="succeeded")
    assert finds(f"5 charged_means_succeeded: {history['failed'].about} is succeeded and was charged 0")


def test_a_bound_that_turned_out_to_cost_nothing_is_no_violation(history: History) -> None:
    change(history["queued"], price_exact=False)
    lifecycle.finish(Generation.objects.get(pk=history["queued"].pk), "succeeded", "free", cost=0)
    assert verify()[0] == 0


def test_a_success_without_its_file(history: History) -> None:
    """R-INV6"""
    Asset.objects.filter(generation=history["succeeded"].pk).delete()
    assert finds(f"6 succeeded_have_all_files: {history['succeeded'].about} has 1 results and 0 files")


def test_a_file_that_is_gone(history: History) -> None:
    """R-INV6"""
    asset = Asset.objects.get(generation=history["succeeded"].pk)
    default_storage.delete(asset.file.name)
    assert finds(f"6 stored_files_exist: {history['succeeded'].about}: the file {asset.file.name} is missing")
    assert verify("--no-files") == (0, f"{IN_DATABASE} checks, {Entry.objects.count()} entries: all good\n")


def test_a_task_of_two_generations(history: History) -> None:
    """R-INV8"""
    allow_double_task_ids()
    change(history["succeeded"], kie_task_id="task-7")
    change(history["refunded"], kie_task_id="task-7")
    assert finds("8 tasks_belong_to_one_generation: task task-7 belongs to 2 generations")


def test_a_budget_that_drifted(history: History) -> None:
    """R-INV9: R-BUD2"""
    day, month = BudgetUse.objects.order_by("-period")
    used = day.used_millicredits
    assert used == 4_000 + 3_500 * 2
    BudgetUse.objects.update(used_millicredits=used + 1)
    fault = f"{used + 1} are counted, its generations add up to {used}"
    for use in (day, month):
        assert finds(f"9 budgets_equal_their_generations: budget platform in {use.period}: {fault}")


def test_a_day_that_was_not_counted(history: History) -> None:
    """R-INV9"""
    change(history["succeeded"], created_at=datetime(2026, 3, 1, tzinfo=UTC))
    fault = "0 are counted, its generations add up to 3500"
    assert finds(f"9 budgets_equal_their_generations: budget platform in 2026-03-01: {fault}")


def test_a_charge_above_the_quote(history: History) -> None:
    """R-INV10: R-PR4"""
    change(history["succeeded"], price_millicredits=4_000)
    about = history["succeeded"].about
    assert finds(f"10 charges_are_within_quotes: {about}: the quote is 4000, 5000 were held, 5000 charged")


def test_a_hold_past_its_deadline(history: History) -> None:
    """R-INV11: R-REF8"""
    now = timezone.now()
    change(history["queued"], deadline=now - timedelta(minutes=4))
    assert verify()[0] == 0
    change(history["queued"], deadline=now - timedelta(minutes=6))
    about = history["queued"].about
    assert finds(f"11 nothing_is_older_than_its_deadline: {about} is queued past its deadline")


def test_a_poll_that_nobody_makes(history: History) -> None:
    """R-INV11"""
    change(history["queued"], state="running", check_at=timezone.now() - timedelta(minutes=6))
    fault = f"{history['queued'].about} is running and should have been looked at"
    assert finds(f"11 nothing_is_older_than_its_deadline: {fault}")


def test_a_queue_that_nobody_empties(history: History) -> None:
    OrmQ.objects.update(lock=timezone.now() - timedelta(minutes=6))
    code, output = verify()
    assert code == 1
    assert output.count("11 nothing_is_older_than_its_deadline: queue task ") == OrmQ.objects.count() > 0


def test_a_sweep_that_is_silent(db: None) -> None:
    Heartbeat.objects.create(name="sweep", at=timezone.now() - timedelta(minutes=6))
    code, output = verify()
    assert code == 1
    assert "11 nothing_is_older_than_its_deadline: the sweep is silent since" in output


def test_json_says_the_same(history: History) -> None:
    code, output = verify("--json")
    assert (code, json.loads(output)["violations"]) == (0, [])
    change(history["succeeded"], price_millicredits=4_000)
    code, output = verify("--json")
    found = json.loads(output)
    assert (code, found["checks"], found["entries"]) == (1, ALL, Entry.objects.count())
    assert found["violations"][0]["invariant"] == 10
    assert found["violations"][0]["check"] == "charges_are_within_quotes"


def test_it_costs_the_same_however_long_the_books_are(history: History, django_assert_num_queries: object) -> None:
    assert connection.in_atomic_block
    Event.objects.count()
    with django_assert_num_queries(IN_DATABASE + 10):  # type: ignore[operator]
        verify()
