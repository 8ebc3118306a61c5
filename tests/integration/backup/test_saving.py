"""What `veilgate backup` saves, whatever happens to the house meanwhile."""

import errno
import os
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

import pytest

from tests.integration.backup.conftest import SmallHouse
from veilgate.domain.errors import ConfigurationError, DatabaseUnavailable
from veilgate.domain.ids import new_id


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
    images = [new_id(), new_id(), new_id()]
    house.add(*images)
    erased = iter([images[2], images[1]])
    seen: list[int] = []

    def erase_one(number: int) -> None:
        seen.append(number)
        # With the first file of the first copy, and of the second, which has the files from the first.
        if number == 1 and (image_id := next(erased, None)):
            house.erase(image_id)

    assert house.back_up(erase_one).lost == []
    assert saved_images(house) == images[:1]
    assert house.saved_keys() == house.keys(images[0])
    assert seen.count(1) == 2


def test_what_was_erased_after_it_was_copied_is_not_in_it(house: SmallHouse) -> None:
    kept, erased, lost_too = sorted([new_id(), new_id(), new_id()])
    house.add(kept, erased, lost_too)
    house.store.delete([house.original_key(lost_too)])
    seen: list[int] = []

    def erase_last(number: int) -> None:
        seen.append(number)
        # Because of the lost file all is copied twice: with the last file of the second copy.
        if seen.count(12) == 2 and number == 12:
            house.erase(erased)
            house.erase(lost_too)

    saved = house.back_up(erase_last)
    assert (saved.files, saved.size_bytes) == (4, 4 * len(house.content(kept)))
    assert (saved.lost, saved.unreadable, saved.damaged) == ([], [], [])
    assert saved_images(house) == [kept]
    assert house.saved_keys() == house.keys(kept)
    assert erased.encode() in (house.saved / "veilgate.db").read_bytes(), "that it was erased is known"
    listed = (house.saved / "SHA256SUMS").read_text()
    assert erased not in listed
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=house.saved, check=True)


def test_a_file_that_was_lost_before_hinders_nobody(house: SmallHouse) -> None:
    house.add("a", "b")
    house.store.delete([house.original_key("a")])
    saved = house.back_up()
    assert saved.lost == [house.original_key("a")]
    assert saved.files == 7
    assert saved_images(house) == ["a", "b"]


def test_a_file_that_the_disk_does_not_give_hinders_nobody(house: SmallHouse) -> None:
    house.add("a", "b")
    original = house.data_dir / "objects" / house.original_key("a")
    original.unlink()
    original.mkdir()  # opens, and cannot be read, whoever tries
    result = house.data_dir / "objects" / "results/b/1/processed.jpg"
    result.unlink()
    result.symlink_to("/proc/self/mem")  # opens, and breaks off with the first byte
    saved = house.back_up()
    assert saved.unreadable == [house.original_key("a"), "results/b/1/processed.jpg"]
    assert (saved.lost, saved.files, saved.is_whole) == ([], 6, False)
    assert saved_images(house) == ["a", "b"]
    assert not (house.saved / "objects" / house.original_key("a")).exists()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=house.saved, check=True)


def test_a_disk_without_hard_links_does(house: SmallHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_names: object, **_more: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    house.add("a")
    house.store.delete([house.original_key("a")])  # so that all is copied twice
    assert house.back_up().files == 3


def test_nobody_else_may_read_it_at_any_moment(house: SmallHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house.add("a")
    house.saved.mkdir(mode=0o755)
    seen: dict[str, int] = {}
    connect = sqlite3.connect

    def look_and_connect(*names: Any, **more: Any) -> Any:
        found = (house.saved, *house.saved.iterdir())
        seen.update({path.name: path.stat().st_mode & 0o77 for path in found})
        return connect(*names, **more)

    monkeypatch.setattr(sqlite3, "connect", look_and_connect)
    house.back_up()
    assert (seen["saved"], seen["veilgate.db"]) == (0, 0)
    assert {path.stat().st_mode & 0o77 for path in house.saved.rglob("*") if path.is_file()} == {0}


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


def test_a_database_that_is_not_there_is_not_made(house: SmallHouse) -> None:
    house.shelf.close()
    house.shelf.path.unlink()
    with pytest.raises(DatabaseUnavailable, match="cannot be copied"):
        house.back_up()
    assert not house.shelf.path.exists(), "a restore would take it for a house"
