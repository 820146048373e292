"""KIE itself, over real HTTP: for local use, tests and benchmarks.

`run(Config(...))` serves two hosts from one process: the API and the files. It shares no code with the
client side of this project, so that a misreading of the protocol cannot hide on both ends.
"""

from generation.kie.simulator.config import Config
from generation.kie.simulator.server import run

__all__ = ["Config", "run"]
