"""An operator's browser and the presses of tests/operators, for the dashboard."""

from tests.operators.conftest import office, queued, succeeded

__all__ = ["office", "queued", "succeeded"]
