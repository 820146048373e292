"""`python -m billing.stripe_simulator --port 0 --speed 20`."""

from billing.stripe_simulator.config import from_arguments
from billing.stripe_simulator.server import run

if __name__ == "__main__":
    run(from_arguments())
