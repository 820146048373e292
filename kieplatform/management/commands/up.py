"""Everything on one machine: what `make run` starts after the installation."""

import os
import sys
from typing import Any

import honcho.manager
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from kieplatform.env import DATA_DIR

# With one of these there is a Stripe, or something that plays it, elsewhere.
STRIPE = {"STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY_FILE", "STRIPE_API_BASE"}
# The queue finishes what it is doing before it stops.
honcho.manager.KILL_WAIT = 25


class Command(BaseCommand):
    help = "Migrate, seed the demo and run web, workers and the simulators of KIE and Stripe until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        simulated = "KIE_BASE_URL" not in os.environ
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        environment.setdefault("PUBLIC_URL", f"http://127.0.0.1:{port}")
        # `exec`, so that signals reach the process itself and not a shell in front of it.
        manage = f"exec {sys.executable} {sys.argv[0]}"
        manager = honcho.manager.Manager()
        if simulated:
            self._add_simulator(manager, manage, environment, port)
        sells = not STRIPE & os.environ.keys()
        if sells:
            self._add_stripe(manager, manage, environment, port)
        web = f"exec {sys.executable} -m uvicorn kieplatform.asgi:application --port {port} --log-level warning"
        # Ctrl-C does not wait for a chat to be read to its end: what has come of it is settled.
        manager.add_process("web", f"{web} --timeout-graceful-shutdown 1", env=environment)
        manager.add_process("worker", f"{manage} worker", env=environment)
        call_command("demo", public_url=environment["PUBLIC_URL"], generations=simulated, payment=sells)
        manager.loop()

    def _add_simulator(
        self, manager: honcho.manager.Manager, manage: str, environment: dict[str, str], port: int
    ) -> None:
        """KIE on loopback, on the ports beside the pages', with a memory of its own, signing its callbacks."""
        api, files = port + 11, port + 12
        key = settings.SECRET_KEY[-16:].encode().hex()
        environment |= {
            "KIE_BASE_URL": f"http://127.0.0.1:{api}",
            "KIE_UPLOAD_URL": f"http://127.0.0.1:{files}",
            "KIE_API_KEY": "sim-key",
            "KIE_WEBHOOK_HMAC_KEY": key,
            "DOWNLOAD_ALLOW_HOSTS": f"127.0.0.1:{files}",
        }
        state = DATA_DIR / "kie_simulator.sqlite3"
        ports = f"--api-port {api} --files-port {files}"
        command = f"{manage} kie_simulator {ports} --key sim-key --hmac-key {key} --state-path {state}"
        manager.add_process("kie", command, env=environment)

    def _add_stripe(self, manager: honcho.manager.Manager, manage: str, environment: dict[str, str], port: int) -> None:
        """Stripe on loopback, with a memory of its own, telling our webhook what happens."""
        api, secret = port + 13, f"whsec_{settings.SECRET_KEY[:16].encode().hex()}"
        environment |= {
            "STRIPE_SECRET_KEY": settings.STRIPE_SIMULATOR_KEY,
            "STRIPE_API_BASE": f"http://127.0.0.1:{api}",
            "STRIPE_WEBHOOK_SECRET": secret,
        }
        webhook = f"--webhook-url http://127.0.0.1:{port}/stripe/webhook --webhook-secret {secret}"
        state = f"--state-path {DATA_DIR / 'stripe_simulator.sqlite3'}"
        key = f"--key {settings.STRIPE_SIMULATOR_KEY}"
        manager.add_process(
            "stripe", f"{manage} stripe_simulator --port {api} {key} {webhook} {state}", env=environment
        )
