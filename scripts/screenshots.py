"""Take the pictures of docs/screenshots from a platform that `make run` has started.

python scripts/screenshots.py http://127.0.0.1:8000
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "screenshots"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
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


def main(url: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        for suffix, (width, height, scheme) in LOOKS.items():
            context = browser.new_context(
                base_url=url,
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            page = context.new_page()
            sign_in(page, "demo@example.com")
            for path, name in (("/", "models"), ("/generations/", "history"), ("/balance/", "balance")):
                page.goto(path)
                take(page, name + suffix)
            page.goto("/models/veo-3-1/?example=1")
            take(page, "form" + suffix)
            page.goto("/generations/?kind=image&state=succeeded")
            page.locator("main a[href^='/generations/']").last.click()
            page.wait_for_url("**/generations/*/")
            take(page, "generation" + suffix)
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
        page.goto("/api/docs/")
        take(page, "api")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
