"""Talking to a model as a person does it: answers that stream, stop, cost, and are there again tomorrow."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Site
from tests.browser.test_main_job import no_sideways_scroll, sign_up
from tests.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.processes]
PATIENCE_MILLISECONDS = 20_000
MODEL = "claude-haiku-4-5"
LONG = "sim:tokens=600"
ENDLESS = "sim:tokens=3000"


def open_chat(page: Page, site: Site, model: str = MODEL) -> None:
    sign_up(page, site)
    page.goto(f"/chat/?model={model}")
    expect(page.locator("#hold")).to_contain_text("Up to")


def ask(page: Page, words: str) -> None:
    page.get_by_label("Your message").fill(words)
    page.get_by_label("Your message").press("Enter")


def answer(page: Page) -> Locator:
    return page.locator("article.said-answer").last


def wait_for_the_cost(page: Page) -> str:
    cost = answer(page).locator("[data-cost] a")
    expect(cost).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    return cost.inner_text()


def balance(page: Page) -> float:
    return float(page.locator("#balance-amount").inner_text())


def test_an_answer_streams_costs_and_is_there_again(page: Page, site: Site) -> None:
    open_chat(page, site)
    ask(page, f"What do **bees** eat? {LONG}")
    expect(answer(page)).to_contain_text("You wrote")
    before = len(answer(page).inner_text())
    expect(page.get_by_role("button", name="Stop the answer")).to_be_visible()
    until(lambda: len(answer(page).inner_text()) > before + 100, "more text")
    expect(answer(page)).to_have_attribute("data-writing", "")

    cost = wait_for_the_cost(page)
    assert re.fullmatch(r"[0-9.]+ credits?", cost)
    expect(answer(page).locator("strong").first).to_have_text("What do bees eat?")
    expect(page.locator("#chat-total")).to_contain_text(cost.split()[0])
    until(lambda: balance(page) == round(50 - float(cost.split()[0]), 3), "the new balance")
    expect(page.locator("#chat-status")).to_contain_text("You wrote")
    expect(page.get_by_label("Your message")).to_be_focused()
    expect(page.get_by_label("Your message")).to_have_value("")
    assert no_sideways_scroll(page)

    address = page.url
    assert re.search(r"/chat/[0-9a-f-]{36}/$", address)
    page.reload()
    expect(answer(page).locator("strong").first).to_have_text("What do bees eat?")
    answer(page).locator("[data-cost] a").click()
    page.wait_for_url("**/generations/*/")
    expect(page.locator("main")).to_contain_text("You paid")
    page.goto("/balance/")
    expect(page.locator("main")).to_contain_text(cost.split()[0])
    page.goto("/chat/")
    if page.get_by_role("button", name="Conversations").is_visible():
        page.get_by_role("button", name="Conversations").click()
    page.get_by_role("navigation", name="Your conversations").get_by_role("link").first.click()
    page.wait_for_url(address)
    assert site.books_are_right()


def test_a_stopped_answer_keeps_what_came_and_tells_its_cost(page: Page, site: Site) -> None:
    open_chat(page, site)
    ask(page, f"Tell me of bees {LONG}")
    expect(answer(page)).to_contain_text("You wrote")
    page.get_by_role("button", name="Stop the answer").click()
    expect(answer(page)).to_contain_text("You stopped this answer", timeout=PATIENCE_MILLISECONDS)
    kept = answer(page).locator("[data-text]").inner_text()
    assert kept.startswith("You wrote")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    cost = wait_for_the_cost(page)
    assert float(cost.split()[0]) > 0
    page.reload()
    assert answer(page).locator("[data-text]").inner_text() == kept
    expect(answer(page)).to_contain_text(cost)


def test_an_answer_goes_on_without_its_connection_and_in_a_page_that_is_loaded_anew(page: Page, site: Site) -> None:
    open_chat(page, site)
    ask(page, f"Tell me of bees {ENDLESS}")
    expect(answer(page)).to_contain_text("You wrote")
    page.evaluate("window.stop()")
    expect(page.locator("#chat-problem")).to_contain_text("The connection was lost")
    grows(page)
    page.reload()
    expect(answer(page)).to_contain_text("Writing")
    grows(page)
    page.get_by_role("button", name="Stop the answer").click()
    expect(answer(page)).to_contain_text("You stopped this answer", timeout=PATIENCE_MILLISECONDS)
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def grows(page: Page) -> None:
    before = len(answer(page).inner_text())
    until(lambda: len(answer(page).inner_text()) > before + 50, "more text")


def test_a_question_is_edited_and_an_answer_written_anew_by_another_model(page: Page, site: Site) -> None:
    open_chat(page, site)
    ask(page, "Tell me of wasps")
    wait_for_the_cost(page)
    page.locator("article.said-mine").last.hover()
    page.get_by_role("link", name="Edit and ask again").click()
    expect(page.get_by_label("Your message")).to_have_value("Tell me of wasps")
    ask(page, "Tell me of bees")
    expect(answer(page)).to_contain_text("Tell me of bees")
    wait_for_the_cost(page)
    assert page.locator("article").count() == 2

    page.locator("#picker summary").click()
    page.get_by_label("Filter models").fill("6 luna")
    page.locator(".picker-model", has_text="GPT 6 Luna").click()
    expect(page.locator("#picker summary")).to_contain_text("GPT 6 Luna")
    assert no_sideways_scroll(page)
    page.get_by_role("button", name="Answer again").click()
    expect(page.get_by_role("article", name="GPT 6 Luna")).to_be_visible()
    wait_for_the_cost(page)
    assert page.locator("article").count() == 2


def test_a_picture_is_attached_and_seen(page: Page, site: Site) -> None:
    open_chat(page, site, "gpt-6-luna")
    page.get_by_label("Attach pictures").set_input_files("static/../docs/screenshots/form-phone.png")
    expect(page.locator(".composer-picture:not([data-uploading])")).to_be_visible()
    ask(page, "What is this?")
    expect(answer(page)).to_contain_text("I see an image of 390 × 844 pixels", timeout=PATIENCE_MILLISECONDS)
    picture = page.locator("article.said-mine img")
    until(lambda: picture.evaluate("image => image.complete && image.naturalWidth") > 0, "the picture")
    assert no_sideways_scroll(page)


def test_not_enough_credits_is_said_before_and_after_and_the_question_is_kept(page: Page, site: Site) -> None:
    open_chat(page, site, "kimi-k3")
    expect(page.locator("#hold")).to_contain_text("but 50 are available")
    ask(page, "Tell me of bees")
    expect(answer(page)).to_contain_text("Not enough credits")
    expect(answer(page)).to_contain_text("Nothing was charged")
    expect(answer(page).get_by_role("link", name="See your balance")).to_be_visible()
    assert balance(page) == 50
    page.reload()
    expect(page.locator("article.said-mine")).to_contain_text("Tell me of bees")
    expect(answer(page)).to_contain_text("Not enough credits")


def test_a_message_is_safe_from_the_keyboard_the_network_and_the_model(page: Page, site: Site) -> None:
    open_chat(page, site)

    def lose(route: Route) -> None:
        route.abort()

    page.route("**/chat/send/", lose)
    box = page.get_by_label("Your message")
    box.fill("<img src=x onerror=window.owned=1>")
    box.press("Shift+Enter")
    box.press_sequentially("<script>window.owned=1</script>")
    expect(page.locator("#chat-problem")).to_be_empty()
    box.press("Enter")
    expect(page.locator("#chat-problem")).to_contain_text("could not be sent")
    expect(box).to_have_value("<img src=x onerror=window.owned=1>\n<script>window.owned=1</script>")

    page.unroute("**/chat/send/", lose)
    page.get_by_role("button", name="Send").click()
    wait_for_the_cost(page)
    expect(page.locator("#chat-problem")).to_be_empty()
    expect(answer(page)).to_contain_text("<script>window.owned=1</script>")
    assert page.locator("article img, article script").count() == 0
    assert page.evaluate("window.owned === undefined")
