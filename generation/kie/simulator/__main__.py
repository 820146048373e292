"""`python -m generation.kie.simulator --api-port 0 --speed 20`."""

from generation.kie.simulator.config import from_arguments
from generation.kie.simulator.server import run

if __name__ == "__main__":
    run(from_arguments())
