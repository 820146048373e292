"""The pages' fixtures serve the pages of credits too."""

from tests.pages.conftest import browser, text_of

__all__ = ["browser", "text_of"]
