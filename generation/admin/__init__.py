"""The admin of generations, catalogue, prices and our account at KIE: importing this registers every page of it."""

from generation.admin import (  # noqa: F401
    budgets,
    catalogue,
    changes,
    dashboard,
    exports,
    generations,
    incidents,
    prices,
    upstream,
)
