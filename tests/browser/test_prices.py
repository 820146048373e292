"""An operator tries other prices on what was sold, is warned of a loss, and saves a list for later."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_main_job import PATIENCE_MILLISECONDS, no_sideways_scroll, order, sign_up
from tests.processes import Process

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.processes]
PROMOTE = "from accounts.models import User; User.objects.filter(email='{}').update(is_staff=True, is_superuser=True)"


def test_a_draft_is_rehearsed_refused_below_cost_and_saved_for_later(page: Page, site: Site) -> None:
    email = sign_up(page, site)
    order(page, "A red fox in the snow")
    expect(page.locator("main")).to_contain_text("You paid", timeout=PATIENCE_MILLISECONDS)
    assert Process(site.environment, "manage.py", "shell", "-c", PROMOTE.format(email)).process.wait(60) == 0

    page.goto("/admin/billing/pricelist/add/")
    at = datetime.now(UTC) + timedelta(days=300)
    page.get_by_label("In effect from").fill(f"{at:%Y-%m-%dT%H:%M}")
    page.get_by_label("Markup:", exact=True).fill("2.5")
    page.get_by_label("Reason").fill("next year")
    page.get_by_label("Model or pattern of line 1").fill("google/nano-banana")
    page.get_by_label("Markup of line 1").fill("0.5")
    page.get_by_role("button", name="Rehearse").click()
    rehearsal = page.locator(".rehearsal")
    expect(rehearsal).to_contain_text(email)
    expect(rehearsal.get_by_role("row", name=email)).to_contain_text("−60 %")
    expect(page.get_by_text("1 model sells below cost.")).to_be_visible()
    assert no_sideways_scroll(page)

    page.get_by_role("button", name="Save this list").click()
    expect(page.locator("#content")).to_contain_text("google/nano-banana (50% of its cost)")
    page.get_by_label("Sell them below cost all the same").check()
    page.get_by_role("button", name="Save this list").click()
    expect(page.locator("#content")).to_contain_text("still to come")
    assert no_sideways_scroll(page)

    page.get_by_role("link", name="Withdraw…").click()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator(".messagelist")).to_contain_text("Withdrew price list")
    order(page, "A red fox")
