"""Databases with search servers: one of each kind that tests share, and ones of a test's own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.persistence.databases import Shelf, mariadb_shelf, migrated_file, shelf, sqlite_shelf
from tests.integration.search.search_house import THRESHOLD, SearchHouse, Server

__all__ = ["mariadb_shelf", "migrated_file", "shelf", "sqlite_shelf"]


@pytest.fixture(scope="session", params=["sqlite", "mariadb"])
def shared_house(
    request: pytest.FixtureRequest, migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SearchHouse]:
    """A house with one server that is never harmed; tests keep apart by their owners."""
    folder = tmp_path_factory.mktemp("search")
    if request.param == "sqlite":
        shutil.copy(migrated_file, folder / "veilgate.db")
        url = f"sqlite:///{folder / 'veilgate.db'}"
    else:
        url = request.getfixturevalue("mariadb").new_database()
    shelf = Shelf(url, folder)
    house = SearchHouse(shelf)
    try:
        house.open_server(NEAR_DUPLICATE_SCORE=str(THRESHOLD)).wait_until_followed(0)
        yield house
    finally:
        house.close()
        shelf.close()


@pytest.fixture
def server(shared_house: SearchHouse) -> Server:
    return shared_house.servers[0]


@pytest.fixture
def file_house(sqlite_shelf: Shelf) -> Iterator[SearchHouse]:
    """For tests of what is kept in the folder, where any database will do."""
    house = SearchHouse(sqlite_shelf)
    yield house
    house.close()


@pytest.fixture
def house(shelf: Shelf) -> Iterator[SearchHouse]:
    """For tests that kill and damage."""
    house = SearchHouse(shelf)
    yield house
    house.close()
