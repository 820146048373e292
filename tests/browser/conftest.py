"""The whole platform as a visitor meets it: web server, worker, KIE and Stripe as processes, and a real browser."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.processes import Process, until
from tests.simulator import Simulator
from tests.stripe_simulator_process import StripeSimulator

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

# A refusal has its status, which the browser's console repeats; htmx reports a request that leaving a page cuts off.
HARMLESS = ("Failed to load resource", "htmx:afterRequest", "htmx:sendAbort", "htmx:sendError")


class Site:
    """A running platform with an empty database of its own."""

    def __init__(self, directory: Path, kie: Simulator, stripe: StripeSimulator) -> None:
        self.mail, self.kie, self.stripe = directory / "mail", kie, stripe
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "DATA_DIR": str(directory),
            "PUBLIC_URL": self.url,
            "EMAIL_URL": f"filemail:///{self.mail}",
            "KIE_BASE_URL": kie.api,
            "KIE_UPLOAD_URL": kie.files,
            "KIE_API_KEY": kie.key,
            "DOWNLOAD_ALLOW_HOSTS": kie.files.removeprefix("http://"),
            "STRIPE_SECRET_KEY": stripe.key,
            "STRIPE_API_BASE": stripe.api,
            "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
            "WORKERS": "2",
        }
        stripe.send_webhooks_to(f"{self.url}/stripe/webhook")
        for command in ("migrate", "createcachetable"):
            assert Process(self.environment, "manage.py", command).process.wait(60) == 0
        server = ["-m", "uvicorn", "kieplatform.asgi:application", "--port", str(port), "--log-level", "warning"]
        self.processes = [Process(self.environment, *server), Process(self.environment, "manage.py", "worker")]
        until(self._ready, "the platform")

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def last_mail(self) -> str:
        return max(self.mail.iterdir(), key=lambda path: path.stat().st_mtime_ns).read_text()

    def books_are_right(self) -> bool:
        return Process(self.environment, "manage.py", "verify_money").process.wait(60) == 0

    def stop(self) -> None:
        for process in self.processes:
            process.kill()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    kie = Simulator.start(key="browser-key", speed=2)
    stripe = StripeSimulator.start(speed=2)
    running = Site(tmp_path_factory.mktemp("site"), kie, stripe)
    yield running
    running.stop()
    stripe.stop()
    kie.stop()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Gone before other tests run here: its event loop would keep Django from using the database in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(request: Any, chromium: Browser, site: Site) -> Iterator[Page]:
    """A fresh visitor; whatever the browser complains of is a failure."""
    width, height = request.param
    context = chromium.new_context(base_url=site.url, viewport={"width": width, "height": height})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert [text for text in complaints if not text.startswith(HARMLESS)] == []
