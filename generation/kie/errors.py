"""What can go wrong with a call to KIE, named by what to do next.

KieError
├── Unavailable   nothing was started: try again later (429, 455, our key, our balance, no connection)
├── Rejected      KIE will not do this: return the credits
└── Unknown       it was sent and nothing sensible came back: never send it again, wait for news
"""


class KieError(Exception):
    """A call that did not give what was asked for. The text is KIE's and for operators only."""


class Unavailable(KieError):
    """Nothing was started at KIE.

    `account`: our key or balance is at fault, so every submission would fail the same way until an operator acts.
    `pause_seconds`: how long to leave KIE alone altogether; 0 when only this request has to wait.
    """

    def __init__(self, message: str, *, account: bool = False, pause_seconds: float = 0, alert: bool = False):
        super().__init__(message)
        self.account = account
        self.pause_seconds = pause_seconds
        self.alert = alert


class Rejected(KieError):
    """KIE refused the request for good. `code` is ours: see `families.failures`."""

    def __init__(self, code: str, message: str, *, alert: bool = False):
        super().__init__(message)
        self.code = code
        self.alert = alert


class Unknown(KieError):
    """The request left us and no usable answer arrived; KIE may be working on it and may charge for it."""
