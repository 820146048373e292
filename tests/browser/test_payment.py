"""Buying credits as a person does it: declined, confirmed with the bank, delayed, left; and a card kept for later."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_main_job import PATIENCE_MILLISECONDS, no_sideways_scroll, sign_up
from tests.processes import Process

pytestmark = [pytest.mark.browser, pytest.mark.processes]
# Where to keep pictures of the pages, in light and dark.
PICTURES = os.environ.get("PAYMENT_PICTURES", "")
OFFER = "from kieplatform import demo_payment; demo_payment.offer()"


def picture(page: Page, name: str) -> None:
    if not PICTURES:
        return
    # Otherwise the pictures show colours on their way from one theme to the other.
    page.emulate_media(reduced_motion="reduce")
    width = (page.viewport_size or {"width": 0})["width"]
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
        page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{theme}.png", full_page=True)
    page.evaluate("document.documentElement.dataset.bsTheme = 'light'")


@pytest.fixture(scope="module", autouse=True)
def packs(site: Site) -> None:
    assert Process(site.environment, "manage.py", "shell", "-c", OFFER).process.wait(60) == 0


def choose_amount(page: Page, credits: str, price: str) -> None:
    page.goto("/balance/top-up/")
    page.get_by_text("Another amount").click()
    page.get_by_role("textbox", name="Credits").fill(credits)
    expect(page.locator("#credits-price")).to_have_text(price)


def to_stripe(page: Page, site: Site) -> None:
    page.get_by_role("button", name="Continue to payment").click()
    page.wait_for_url(f"{site.stripe.api}/c/pay/**")


def test_a_declined_card_then_one_that_the_bank_confirms(page: Page, site: Site) -> None:
    sign_up(page, site)
    page.goto("/balance/")
    page.get_by_role("link", name="Top up").first.click()
    page.wait_for_url("**/balance/top-up/")
    expect(page.locator("main")).to_contain_text("250 of them free")
    assert no_sideways_scroll(page)
    picture(page, "top-up")

    choose_amount(page, "999", "")
    page.get_by_role("button", name="Continue to payment").click()
    expect(page.locator("#credits-error")).to_contain_text("Buy between 1000 and 200000 credits")
    choose_amount(page, "1500", "$7.50")
    picture(page, "top-up-custom")
    page.get_by_label("Save my card for next time").check()
    to_stripe(page, site)
    expect(page.locator("#amount")).to_have_text("$7.50")

    page.get_by_role("button", name="Card declined").click()
    expect(page.get_by_text("Your card was declined.")).to_be_visible()
    page.get_by_role("button", name="Needs 3-D Secure").click()
    page.get_by_role("button", name="Fail").click()
    page.wait_for_url(f"{site.stripe.api}/c/pay/**")
    page.get_by_role("button", name="Needs 3-D Secure").click()
    page.get_by_role("button", name="Complete").click()

    page.wait_for_url("**/balance/payments/*/")
    expect(page.locator("#payment")).to_contain_text("1500 credits added", timeout=PATIENCE_MILLISECONDS)
    expect(page.locator("#payment")).to_contain_text("Visa •••• 3155")
    assert no_sideways_scroll(page)
    picture(page, "paid")
    page.reload()
    expect(page.locator("#balance-amount")).to_have_text("1550")
    with page.expect_navigation():
        page.get_by_role("link", name="Receipt").click()
    expect(page.locator("body")).to_contain_text("$7.50")

    page.goto("/balance/payments/")
    expect(page.locator("main")).to_contain_text("1500 credits")
    expect(page.locator("main")).to_contain_text("Visa •••• 3155 (12/34)")
    page.get_by_label("Buy credits automatically").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Auto-recharge is on.")).to_be_visible()
    assert no_sideways_scroll(page)
    picture(page, "settings")
    with page.expect_navigation():
        page.get_by_role("button", name="Invoices and plan").click()
    expect(page.locator("body")).to_contain_text("$7.50")
    assert site.books_are_right()


def test_a_payment_that_was_left_costs_nothing_and_can_be_gone_back_to(page: Page, site: Site) -> None:
    sign_up(page, site)
    page.goto("/balance/top-up/")
    page.get_by_text("Studio").click()
    to_stripe(page, site)
    page.get_by_role("button", name="Cancel and go back").click()
    expect(page.get_by_role("heading", name="Nothing was charged")).to_be_visible()
    picture(page, "left")
    expect(page.locator("#balance-amount")).to_have_text("50")
    page.get_by_role("link", name="Go back to the payment").click()
    page.get_by_role("button", name="Pay $25.00").click()
    expect(page.locator("#payment")).to_contain_text("5250 credits added", timeout=PATIENCE_MILLISECONDS)


def test_a_bank_that_takes_its_time_is_waited_for(page: Page, site: Site) -> None:
    sign_up(page, site)
    page.goto("/balance/top-up/")
    to_stripe(page, site)
    page.get_by_role("button", name="Pay later, succeeds").click()
    expect(page.locator("#payment")).to_contain_text("on its way")
    picture(page, "pending")
    page.goto("/balance/")
    expect(page.get_by_text("are on their way from your bank")).to_be_visible()
    picture(page, "balance-pending")
    page.get_by_role("link", name="See the payment").click()
    expect(page.locator("#payment")).to_contain_text("credits added", timeout=2 * PATIENCE_MILLISECONDS)


def test_a_plan_is_begun_and_seen(page: Page, site: Site) -> None:
    sign_up(page, site)
    page.goto("/balance/top-up/")
    page.get_by_role("button", name="Subscribe to Creator").click()
    page.wait_for_url(f"{site.stripe.api}/c/pay/**")
    page.get_by_role("button", name=re.compile("^Subscribe")).click()
    expect(page.get_by_text("Your plan “Creator” has begun.")).to_be_visible()
    expect(page.locator("main")).to_contain_text("4000 credits a month")
    expect(page.locator("#balance-amount")).to_have_text("4050")
    picture(page, "plan")


def test_a_wrong_code_is_refused_at_its_field(page: Page, site: Site) -> None:
    sign_up(page, site)
    page.goto("/balance/redeem/")
    page.get_by_label("Code").fill("0000-0000-0000-0000")
    page.get_by_role("button", name="Redeem").click()
    expect(page.locator("#code-error")).to_contain_text("There is no such code")
    assert no_sideways_scroll(page)
    picture(page, "redeem")
