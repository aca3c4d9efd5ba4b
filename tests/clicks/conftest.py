"""What the buttons of every file here need."""

import pytest

from tests.clicks.buttons import Tools


@pytest.fixture
def tools(settings, monkeypatch, move_clock):
    """A fault of ours comes out as itself instead of as a page of status 500."""
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    return Tools(monkeypatch, move_clock)
