"""The account behind the key: its balance and its rate limit."""

import time
from collections import deque


class Account:
    """Credits are floats, as KIE has them (protocol 6.1, 9)."""

    def __init__(self, balance: float, create_limit: int, create_window: float) -> None:
        self.balance = balance
        self.debited = 0.0
        self.returned = 0.0
        self._limit = create_limit
        self._window = create_window
        self._accepted: deque[float] = deque()

    def may_create(self) -> bool:
        """Count one create request in the sliding window; excess is rejected, not queued (protocol 8)."""
        now = time.monotonic()
        while self._accepted and self._accepted[0] <= now - self._window:
            self._accepted.popleft()
        if self._limit and len(self._accepted) >= self._limit:
            return False
        self._accepted.append(now)
        return True

    def debit(self, credits: float) -> bool:
        """Take credits; False when there are too few."""
        if credits > self.balance:
            return False
        self.balance = round(self.balance - credits, 4)
        self.debited = round(self.debited + credits, 4)
        return True

    def charge(self, credits: float) -> None:
        """Take what is known only afterwards, whether or not it is there."""
        self.balance = round(self.balance - credits, 4)
        self.debited = round(self.debited + credits, 4)

    def give_back(self, credits: float) -> None:
        """Return what a failed task had been debited."""
        self.balance = round(self.balance + credits, 4)
        self.returned = round(self.returned + credits, 4)
