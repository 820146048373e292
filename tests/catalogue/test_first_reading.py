"""The first reading of KIE's catalogue, when nothing differs."""

from io import StringIO
from typing import Any

from billing.models import Alert
from generation import catalog
from generation.catalog.models import CatalogueProposal, Listing
from tests.catalogue.conftest import BANANA, Shop, command, proposals, state, sync


def test_unchanged_data_proposes_nothing_and_is_remembered(shop: Shop, db: Any) -> None:
    assert sync().state == "done"
    assert proposals() == []
    assert not Alert.objects.exists()
    listed = {e.id for e in catalog.all() if e.api in ("market", "chat") and e.status == "live"}
    assert set(Listing.objects.filter(listed=True).values_list("model", flat=True)) == listed
    banana = Listing.objects.get(model=BANANA)
    assert banana.agreed["text"] == catalog.get(BANANA).price_text
    assert list(banana.agreed["rows"].values()) == ["4"]
    assert banana.agreed["facts"]["prompt"] == {"type": ["string"], "required": True, "maxLength": 5000}
    assert 90 < (banana.success_rate or 0) <= 100


def test_what_was_read_is_not_asked_for_again(read: Shop) -> None:
    before = read.asked("/schema"), read.asked("/success-rate")
    assert sync().state == "done"
    assert (read.asked("/schema"), read.asked("/success-rate")) == before
    assert proposals() == []


def test_the_command_reads_at_once_and_tells_what_it_found(read: Shop) -> None:
    out = StringIO()
    command(stdout=out)
    assert "models are listed" in out.getvalue()
    assert "Nothing waits for a decision." in out.getvalue()
    read.add()
    command(stdout=out)
    assert "new model: 1" in out.getvalue()
    assert CatalogueProposal.objects.count() == 1


def test_all_schemas_are_read_again_when_asked_to(read: Shop) -> None:
    before = read.asked("/schema")
    command("--all", stdout=StringIO())
    assert read.asked("/schema") - before == Listing.objects.filter(listed=True).count()
    assert state().stage == ""
