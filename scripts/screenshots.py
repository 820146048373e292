"""Take the pictures of docs/screenshots from a platform that `make run` has started.

python scripts/screenshots.py http://127.0.0.1:8000
"""

import io
import sys
import wave
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "screenshots"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DONE_MILLISECONDS = 60_000
# What the demo has made, by kind.
RESULTS = ("image", "video", "music", "speech")
PAGES = {
    "/": "models",
    "/generations/": "history",
    "/balance/": "balance",
    "/balance/top-up/": "top-up",
    "/usage/": "usage",
}
LOOKS = {"": (1280, 860, "light"), "-dark": (1280, 860, "dark"), "-phone": (390, 844, "light")}


def sign_in(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("demo-password")
    page.get_by_role("button", name="Sign in").last.click()
    page.wait_for_load_state()


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")


def recording() -> bytes:
    """Three seconds of silence, as a WAV file."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000 * 3))
    return made.getvalue()


def transcribe(page: Page, operator: Page, simulator: str) -> str:
    """Have a recording written down; returns the page of the result. KIE has withdrawn the only model that does it."""
    operator.request.post(f"{simulator}/_sim/retired", data={"serve": True})
    operator.goto("/admin/generation/modelswitch/?q=elevenlabs/speech-to-text")
    if operator.get_by_role("link", name="Switch on…").count():
        operator.get_by_role("link", name="Switch on…").click()
        operator.locator("[name=reason]").fill("For a picture")
        operator.locator("main [type=submit], #content [type=submit]").first.click()
    page.goto("/models/elevenlabs/speech-to-text/")
    sound = {"name": "meeting.wav", "mimeType": "audio/wav", "buffer": recording()}
    page.locator("input[type=file]").first.set_input_files(sound)  # type: ignore[arg-type]
    page.get_by_text("meeting.wav").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**/generations/*/")
    page.get_by_text("Finished").first.wait_for(timeout=DONE_MILLISECONDS)
    return page.url


def talk(page: Page) -> str:
    """Have a conversation; returns its page."""
    page.goto("/chat/")
    for words in (
        "What makes a red fox a good subject for a film?",
        "Write three lines for its trailer, with a table.",
    ):
        page.get_by_label("Your message").fill(words)
        page.get_by_label("Your message").press("Enter")
        page.get_by_role("button", name="Send").wait_for(timeout=DONE_MILLISECONDS)
        page.wait_for_load_state("networkidle")
    return page.url


def buy(page: Page, suffix: str) -> None:
    """Buy a pack on the payment service's page and come back."""
    page.goto("/balance/top-up/")
    page.get_by_role("button", name="Continue to payment").click()
    page.wait_for_url("**/c/pay/**")
    take(page, "checkout" + suffix)
    page.get_by_role("button", name="Pay", exact=False).first.click()
    page.wait_for_url("**/balance/payments/*/")
    page.get_by_text("Paid").first.wait_for(timeout=DONE_MILLISECONDS)
    take(page, "payment" + suffix)
    page.goto("/balance/")
    page.get_by_role("link", name="This month").click()
    page.wait_for_url("**/balance/*/*/")
    take(page, "statement" + suffix)


def main(url: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page, operator = (browser.new_context(base_url=url).new_page() for _ in range(2))
        sign_in(page, "demo@example.com")
        sign_in(operator, "operator@example.com")
        host, port = url.rsplit(":", 1)
        transcript, chat = transcribe(page, operator, f"{host}:{int(port) + 11}"), talk(page)
        for suffix, (width, height, scheme) in LOOKS.items():
            context = browser.new_context(
                base_url=url,
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            page = context.new_page()
            sign_in(page, "demo@example.com")
            for path, name in PAGES.items():
                page.goto(path)
                take(page, name + suffix)
            buy(page, suffix)
            page.goto("/models/veo-3-1/?example=1")
            take(page, "form" + suffix)
            for kind in RESULTS:
                page.goto(f"/generations/?kind={kind}&state=succeeded")
                page.locator("main a[href^='/generations/']").last.click()
                page.wait_for_url("**/generations/*/")
                take(page, kind + suffix)
            for path, name in ((transcript, "transcript"), (chat, "chat")):
                page.goto(path)
                take(page, name + suffix)
            page.goto("/generations/?state=failed")
            page.locator("main a[href^='/generations/']").first.click()
            page.wait_for_url("**/generations/*/")
            take(page, "refund" + suffix)
            context.close()
        context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 860})
        page = context.new_page()
        sign_in(page, "operator@example.com")
        page.goto("/admin/generation/generation/")
        take(page, "operators")
        page.goto("/admin/money/")
        take(page, "dashboard")
        page.goto("/api/docs/")
        take(page, "api")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
