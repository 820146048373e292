"""The Stripe simulator as a process, for tests of anything that takes payments."""

from typing import Any
from urllib.parse import urljoin

from tests.simulating import Simulating


class StripeSimulator(Simulating):
    """Stripe at `api`, for the official client too: `StripeClient(sim.key, base_addresses={"api": sim.api})`."""

    module = "billing.stripe_simulator"
    ports = {"port": "api"}
    key = "sk_test_simulator"
    webhook_secret = "whsec_simulator"

    def __init__(self, **config: Any) -> None:
        self.key = config.get("key", self.key)
        self.webhook_secret = config.get("webhook_secret", self.webhook_secret)
        super().__init__(**config)

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

    def press(self, url: str, form: dict[str, str]) -> str:
        """Send a form of a hosted page and return where the browser is sent."""
        response = self.http.post(url, data=form)
        assert response.status_code == 303, f"{response.status_code}: {response.text}"
        return urljoin(url, response.headers["location"])
