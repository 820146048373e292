"""`manage.py stripe_simulator`, and how browsers are led to it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from tests.simulating import ROOT
from tests.stripe_simulator.conftest import Shop
from tests.stripe_simulator_process import StripeSimulator


def test_the_command_serves_until_it_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "stripe_simulator", "--port", "0", "--key", "sk_test_mine"]
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "kieplatform.settings"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        api = json.loads(process.stdout.readline())["api"]
        assert httpx.get(f"{api}/v1/customers", auth=("sk_test_mine", "")).status_code == 200
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_browsers_may_reach_it_under_another_address() -> None:
    simulator = StripeSimulator.start(public_url="https://pay.example.com/")
    try:
        assert Shop(simulator).session().url.startswith("https://pay.example.com/c/pay/cs_test_")
    finally:
        simulator.stop()
