"""From signing up to a stored result, and from a failure to a refund, as a person does it."""

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.processes]
PASSWORD = "correct horse battery staple"
PATIENCE_MILLISECONDS = 20_000


def sign_up(page: Page, site: Site) -> str:
    email = f"{uuid.uuid4().hex[:10]}@example.com"
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign up").last.click()
    page.wait_for_url("**/confirm-email/")
    until(lambda: email in site.last_mail(), "the e-mail with the code")
    code = re.search(r"^([A-Z0-9]{3,}-?[A-Z0-9]{3,})$", site.last_mail(), re.MULTILINE)
    assert code
    page.get_by_label("Code").fill(code.group(1))
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(f"{site.url}/")
    return email


def order(page: Page, prompt: str) -> None:
    page.goto("/models/google/nano-banana/")
    page.get_by_label("Prompt").fill(prompt)
    expect(page.locator("#price")).to_contain_text("5 credits")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**/generations/*/")


def no_sideways_scroll(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_sign_up_generate_and_see_the_file_then_fail_and_see_the_refund(page: Page, site: Site) -> None:
    email = sign_up(page, site)
    expect(page.locator("header")).to_contain_text("50")

    order(page, "A red fox in the snow")
    picture = page.locator("main img")
    expect(picture).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    expect(page.locator("main")).to_contain_text("Finished")
    address = picture.get_attribute("src") or ""
    assert address.startswith("/files/")
    until(lambda: picture.evaluate("image => image.complete && image.naturalWidth") == 1024, "the picture")
    expect(page.locator("main")).to_contain_text("You paid")
    assert no_sideways_scroll(page)

    order(page, "A portrait sim:policy")
    expect(page.locator("main")).to_contain_text("5 credits returned", timeout=PATIENCE_MILLISECONDS)
    expect(page.locator("main")).to_contain_text("content policy")
    assert "CONTENT_POLICY_BLOCKED" not in page.content()

    page.goto("/balance/")
    expect(page.locator("main")).to_contain_text("45")
    expect(page.locator("main")).to_contain_text("Returned 5")
    assert no_sideways_scroll(page)
    page.goto("/generations/")
    assert no_sideways_scroll(page)

    sign_out_and_in_again(page, email)
    assert site.books_are_right()


def sign_out_and_in_again(page: Page, email: str) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("button", name="Sign out").last.click()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").last.click()
    page.goto("/balance/")
    expect(page.locator("main")).to_contain_text("Statement")


def test_the_price_follows_the_input_and_a_bad_input_is_named(page: Page, site: Site) -> None:
    sign_up(page, site)
    page.goto("/models/veo-3-1/")
    page.get_by_label("Prompt").fill("A red fox")
    expect(page.locator("#price")).to_contain_text("75 credits")
    page.get_by_text("4k", exact=True).click()
    expect(page.locator("#price")).to_contain_text("225 credits")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("main")).to_contain_text("225")
    expect(page.locator("main")).to_contain_text("50")
    page.get_by_label("Prompt").fill("")
    expect(page.locator("#price")).to_contain_text("Prompt is required")
    assert no_sideways_scroll(page)


def test_models_are_found_by_words_and_keyboard_alone(page: Page, site: Site) -> None:
    page.goto("/")
    page.get_by_role("searchbox").fill("nano banana")
    expect(page.locator("main")).to_contain_text("Nano Banana")
    expect(page.locator("main")).not_to_contain_text("HappyHorse")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement !== document.body")
    assert no_sideways_scroll(page)
