"""Stripe itself, as far as this platform uses it, over real HTTP: for local use, tests and benchmarks.

`run(Config(...))` serves the API, the hosted pages and the control API. It is written from Stripe's API reference
and shares no code with the rest of the project, so that a misreading cannot hide on both ends.
"""

from billing.stripe_simulator.config import Config
from billing.stripe_simulator.server import run

__all__ = ["Config", "run"]
