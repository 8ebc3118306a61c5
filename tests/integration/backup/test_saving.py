"""What `veilgate backup` saves, whatever happens to the house meanwhile."""

import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.integration.backup.conftest import SmallHouse
from veilgate.domain.errors import ConfigurationError, DatabaseUnavailable


def saved_images(house: SmallHouse) -> list[str]:
    with closing(sqlite3.connect(house.saved / "veilgate.db")) as database:
        return [row[0] for row in database.execute("SELECT id FROM processed_images ORDER BY id")]


def test_what_rows_name_and_nothing_else(house: SmallHouse) -> None:
    house.add("a", "b")
    house.store.put("original/2026/01/01/nobodys", b"x", media_type="image/jpeg")
    house.store.put("results/a/7/processed.jpg", b"of a claim that lost", media_type="image/jpeg")
    saved = house.back_up()
    assert (saved.files, saved.lost, saved.damaged) == (8, [], [])
    assert saved.size_bytes == 8 * len(house.content("a"))
    suffixes = ("processed.jpg", "thumbnail-1024.jpg", "thumbnail-320.jpg")
    results = {f"results/{one}/1/{suffix}" for one in "ab" for suffix in suffixes}
    assert house.saved_keys() == {house.original_key("a"), house.original_key("b"), *results}
    assert sorted(path.name for path in house.saved.iterdir()) == ["SHA256SUMS", "objects", "veilgate.db"]
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=house.saved, check=True)


def test_what_was_erased_meanwhile_is_not_in_it(house: SmallHouse) -> None:
    house.add("a", "b", "c")
    erased = iter(["c", "b"])
    seen: list[int] = []

    def erase_one(number: int) -> None:
        seen.append(number)
        # With the first file of the first copy, and of the second, which has the files from the first.
        if number == 1 and (image_id := next(erased, None)):
            house.erase(image_id)

    assert house.back_up(erase_one).lost == []
    assert saved_images(house) == ["a", "b"]
    assert len(house.saved_keys()) == 8
    assert not [key for key in house.saved_keys() if "/c" in key]
    assert seen.count(1) == 2


def test_a_file_that_was_lost_before_hinders_nobody(house: SmallHouse) -> None:
    house.add("a", "b")
    house.store.delete([house.original_key("a")])
    saved = house.back_up()
    assert saved.lost == [house.original_key("a")]
    assert saved.files == 7
    assert saved_images(house) == ["a", "b"]


def test_an_original_that_holds_other_bytes_is_named(house: SmallHouse) -> None:
    house.add("a", "b")
    (house.data_dir / "objects" / house.original_key("b")).write_bytes(b"flipped")
    saved = house.back_up()
    assert saved.damaged == [house.original_key("b")]
    assert (house.saved / "objects" / house.original_key("b")).read_bytes() == b"flipped"


def test_a_database_of_another_version_is_not_guessed_at(house: SmallHouse) -> None:
    house.add("a")
    with house.shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(ConfigurationError, match="the schema is at 0001"):
        house.back_up()


def test_each_wants_a_folder_of_its_own(house: SmallHouse) -> None:
    house.add("a")
    house.back_up()
    with pytest.raises(ConfigurationError, match="is not empty"):
        house.back_up()


def test_without_a_database_there_is_nothing_to_save(house: SmallHouse) -> None:
    house.shelf.path.write_bytes(b"no database at all, " * 100)
    with pytest.raises(DatabaseUnavailable, match="cannot be copied"):
        house.back_up()
    assert not (house.saved / "SHA256SUMS").exists()
