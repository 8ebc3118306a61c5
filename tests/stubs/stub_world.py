"""The stubs as a fixture."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.stubs.serving import Stubs


@pytest.fixture(scope="session")
def _stubs_of_session() -> "Iterator[Stubs]":
    # Imported here: most tests need no web server, and it takes its time.
    from tests.stubs.serving import Stubs

    stubs = Stubs()
    yield stubs
    stubs.close()


@pytest.fixture
def stub_world(_stubs_of_session: "Stubs") -> "Stubs":
    """Every vendor as it should be, sent nothing yet; `stub_world.settings()` is a house's environment."""
    _stubs_of_session.forget()
    _stubs_of_session.world.shows.clear()
    return _stubs_of_session
