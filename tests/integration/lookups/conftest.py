"""A place on the web where Lens finds the picture that it is asked about."""

from collections.abc import Iterator

import pytest

from tests.fixtures.odd_server import OddServer, whole
from tests.integration.lookups.providers_asked import a_picture
from tests.integration.persistence.databases import migrated_file, sqlite_shelf

__all__ = ["migrated_file", "sqlite_shelf"]


@pytest.fixture(scope="module")
def picture_link() -> Iterator[str]:
    server = OddServer("127.0.0.1")
    yield server.say("/veiled", whole(a_picture().data, "Content-Type: image/png"))
    server.close()
