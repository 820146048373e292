"""What only a real browser can show: dropped files, and a player that goes on playing while the rest arrives."""

import base64

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_main_job import PATIENCE_MILLISECONDS, no_sideways_scroll, sign_up
from tests.pages.conftest import picture
from tests.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.processes]
DROPPED = """files => {
    const carried = new DataTransfer();
    for (const [name, type, content] of files) {
        const bytes = Uint8Array.from(atob(content), character => character.charCodeAt(0));
        carried.items.add(new File([bytes], name, { type }));
    }
    return carried;
}"""
PLAY = """player => {
    window.player = player; window.pauses = 0;
    player.muted = player.loop = true;
    player.addEventListener("pause", () => window.pauses++);
    return player.play();
}"""


def drop(page: Page, *files: tuple[str, str, bytes]) -> None:
    coded = [(name, kind, base64.b64encode(content).decode()) for name, kind, content in files]
    carried = page.evaluate_handle(DROPPED, coded)
    page.dispatch_event("[data-drop] [data-rows-list]", "dragover", {"dataTransfer": carried})
    expect(page.locator("[data-drop].drop-over")).to_be_visible()
    page.dispatch_event("[data-drop] [data-rows-list]", "drop", {"dataTransfer": carried})


def named(page: Page) -> list[str]:
    return page.locator("[data-row] [data-chosen]:visible [data-name]").all_text_contents()


def test_files_are_dropped_reordered_refused_and_picked_again(page: Page, site: Site) -> None:
    sign_up(page, site)
    page.goto("/models/google/nano-banana-edit/")
    page.get_by_label("Prompt").fill("Put them side by side")
    png = picture()
    fake, document = ("fake.png", "image/png", b"\x00\x01"), ("letter.pdf", "application/pdf", b"%PDF")
    drop(page, ("one.png", "image/png", png), ("two.png", "image/png", png), fake, document)
    expect(page.locator("#input-form")).to_contain_text("fake.png: Only pictures, videos, sounds and plain text")
    expect(page.locator("#input-form")).to_contain_text("letter.pdf is not a picture.")
    until(lambda: named(page) == ["one.png", "two.png"], "both uploads")
    expect(page.locator("#price")).to_contain_text("5 credits")

    page.get_by_role("group", name="Images 2 of 3").get_by_label("Move up").press("Enter")
    assert named(page) == ["two.png", "one.png"]
    expect(page.locator("#form-status")).to_have_text("Moved: Images 1 of 3")
    page.get_by_role("group", name="Images 3 of 3").get_by_label("use a recent file").click()
    page.get_by_role("dialog").get_by_role("button", name="one.png").click()
    assert named(page) == ["two.png", "one.png", "one.png"]
    page.get_by_role("group", name="Images 2 of 3").get_by_label("Remove this row").click()
    assert no_sideways_scroll(page)

    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**/generations/*/")
    assert page.locator(".input-list a").all_text_contents() == ["two.png", "one.png"]


def test_a_track_that_is_ready_early_plays_on_and_leads_to_what_comes_next(page: Page, site: Site) -> None:
    sign_up(page, site)
    page.goto("/models/suno/generate/")
    page.get_by_label("Prompt").fill("A calm song sim:slow=8")
    for field, choice in (("customMode", "false"), ("instrumental", "false")):
        page.locator(f"[name={field}][value={choice}] + label").click()
    page.get_by_label("Model").select_option("V5")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**/generations/*/")
    expect(page.get_by_role("heading", name="1 of 2 ready")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    page.locator("audio").evaluate(PLAY)

    expect(page.locator("#generation-head")).to_contain_text("Finished", timeout=PATIENCE_MILLISECONDS)
    expect(page.locator("audio")).to_have_count(2)
    state = page.evaluate("[player.isConnected, player.paused, pauses]")
    assert state == [True, False, 0]

    page.get_by_text("What next with track 2").click()
    page.get_by_role("link", name="Separate the vocals of track 2").click()
    page.wait_for_url("**/models/suno/vocal-removal/*")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**/generations/*/")
    expect(page.locator(".result-of-stem").first).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    assert no_sideways_scroll(page)
    assert site.books_are_right()
