"""The Stripe simulator as a process, for tests of anything that takes payments."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 30
STOP_SECONDS = 10


class StripeSimulator:
    """One running simulator. Settings are the fields of its Config: start(speed=50, webhook_url="http://…").

    `api` is the address for the official client: `StripeClient(sim.key, base_addresses={"api": sim.api})`.
    """

    key = "sk_test_simulator"
    webhook_secret = "whsec_simulator"

    def __init__(self, **config: Any) -> None:
        self._config = {"port": 0, **config}
        self.key = self._config.get("key", self.key)
        self.webhook_secret = self._config.get("webhook_secret", self.webhook_secret)
        self.http = httpx.Client(timeout=20, trust_env=False)
        self._start()

    @classmethod
    def start(cls, **config: Any) -> "StripeSimulator":
        """Start a process on a free port and wait until it is ready."""
        return cls(**config)

    def send_webhooks_to(self, url: str, secret: str = "", events: str = "") -> None:
        """Deliver from now on to this address; events is a comma-separated list, `*` all, empty the usual."""
        body = {"url": url, "secret": secret or self.webhook_secret, "events": events}
        self.control("POST", "webhook", body)

    def pay(self, session_id: str, how: str = "pay", card: str = "", promotion_code: str = "") -> str:
        """Press a button of the checkout page and return the address that the browser is sent to.

        how: pay, decline, 3ds, 3ds-fail, later, later-fails, later-open, cancel. A refusal (a decline, a wrong
        promotion code) leads back to the checkout page. card is a test card's number, by default 4242….
        """
        form = {"how": how.removesuffix("-fail"), "card": card, "promotion_code": promotion_code}
        where = self.press(f"{self.api}/c/pay/{session_id}", form)
        if "/c/challenge/" in where:
            return self.press(where, {"how": "fail" if how == "3ds-fail" else "complete"})
        return where

    def settle(self, session_id: str, outcome: str = "succeeded") -> dict[str, Any]:
        """End a delayed payment now: succeeded or failed."""
        return self.control("POST", f"sessions/{session_id}/settle", {"outcome": outcome})

    def save_card(self, customer_id: str, number: str = "4242424242424242") -> str:
        """Attach a test card to a customer, as its default; returns the payment method's id."""
        return self.control("POST", f"customers/{customer_id}/cards", {"number": number})["id"]

    def dispute(self, payment: str, amount: int | None = None, reason: str = "fraudulent") -> dict[str, Any]:
        """Open a dispute about a charge or a payment intent, by default about all that is not refunded."""
        return self.control("POST", "disputes", {"payment": payment, "amount": amount, "reason": reason})

    def close_dispute(self, dispute_id: str, status: str) -> dict[str, Any]:
        """End a dispute: won or lost."""
        return self.control("POST", f"disputes/{dispute_id}/close", {"status": status})

    def advance(self, subscription_id: str, outcome: str = "") -> dict[str, Any]:
        """Let a subscription's period end; outcome paid or failed, by default what its card does."""
        return self.control("POST", f"subscriptions/{subscription_id}/advance", {"outcome": outcome})

    def resend(self, event_id: str) -> None:
        """Deliver an event once more."""
        self.control("POST", f"events/{event_id}/resend", {})

    def emit(self, type: str, object: dict[str, Any]) -> dict[str, Any]:
        """Send an event that has not happened, of any type about any object; returns it."""
        return self.control("POST", "events", {"type": type, "object": object})

    def tamper(self, object_id: str, **fields: Any) -> dict[str, Any]:
        """Change fields of an object behind its back: tamper(session_id, amount_total=1)."""
        return self.control("POST", f"objects/{object_id}", fields)

    def totals(self) -> dict[str, dict[str, int]]:
        """Money by currency: paid, refunded, disputed (open), disputes_lost, disputes_won, fees, net; counts."""
        return self.control("GET", "totals")

    def fault(self, name: str, count: int = 1, path: str = "", type: str = "") -> None:
        """Arm a fault for the next matching calls (path) or webhooks (type of event)."""
        self.control("POST", "faults", {"name": name, "count": count, "path": path, "type": type})

    def rates(self, **rates: float) -> None:
        """Set how often things go wrong: rates(decline=0.1, error=0.05, latency_seconds=0.2)."""
        self.control("POST", "faults", {"rates": rates})

    def clear_faults(self) -> None:
        """Disarm all faults and set all rates to 0."""
        self.control("DELETE", "faults")

    def events(self, type: str = "") -> list[dict[str, Any]]:
        """Every event, oldest first, delivered or not."""
        return self.control("GET", f"events?type={type}")

    def deliveries(self, type: str = "") -> list[dict[str, Any]]:
        """Every delivery attempt, oldest first: event, type, attempt, at, status, error, headers, body."""
        return self.control("GET", f"deliveries?type={type}")

    def idle(self) -> bool:
        """Whether no webhook is on its way or waits for a retry."""
        return self.control("GET", "state")["waiting"] == 0

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """The API requests received whose path contains `path`, oldest first."""
        return self.control("GET", f"requests?path={path}")

    def reset(self) -> None:
        """Forget everything but the webhook's address."""
        self.control("POST", "reset")

    def stop(self) -> int:
        """End the process with SIGTERM and return its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End the process with SIGKILL."""
        return self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same port; with state_path it knows what it knew."""
        if self.process.poll() is None:
            self.stop()
        self._config |= {"port": urlsplit(self.api).port}
        self._start()

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the control API under /_sim."""
        response = self.http.request(method, f"{self.api}/_sim/{path}", json=body)
        assert response.is_success, response.text
        return response.json()

    def press(self, url: str, form: dict[str, str]) -> str:
        """Send a form of a hosted page and return where the browser is sent."""
        response = self.http.post(url, data=form)
        assert response.status_code == 303, f"{response.status_code}: {response.text}"
        return urljoin(url, response.headers["location"])

    def _start(self) -> None:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self._config.items()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "billing.stripe_simulator", *options],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the simulator ended with status {self.process.wait(START_SECONDS)}"
        self.api: str = json.loads(line)["api"]

    def _end(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(STOP_SECONDS)
        if self.process.stdout:
            self.process.stdout.close()
        return status
