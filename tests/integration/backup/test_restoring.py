"""What `veilgate restore` makes of a backup, and what it refuses to touch."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import init_database
from tests.fixtures.paths import REPOSITORY_ROOT, find_free_port
from tests.integration.backup.conftest import SmallHouse
from veilgate.domain.errors import ConfigurationError, DiskFull
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unfinished_restore import waiting_database
from veilgate.services.backup.restoring import damaged_files, require_empty, restore
from veilgate.storage.local import LocalObjectStore

# Of the backup: two images with four files each, and the database.
FILES = 9


@pytest.fixture
def saved(house: SmallHouse) -> Path:
    house.add("a", "b")
    house.back_up()
    return house.saved


def damaged(folder: Path) -> list[str]:
    return damaged_files(folder, progress=lambda _number: None)


def assert_restored(house: SmallHouse, new: Path) -> None:
    store = LocalObjectStore(new / "objects")
    assert {key: store.get(key) for key in store.list("")} == {
        key: house.store.get(key) for key in house.store.list("")
    }
    assert (new / "veilgate.db").read_bytes() == (house.saved / "veilgate.db").read_bytes()
    assert sorted(path.name for path in new.iterdir()) == ["objects", "veilgate.db"]


def test_all_is_there_again(house: SmallHouse, saved: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    (new / "objects" / ".incoming").mkdir(parents=True)
    require_empty(new, new / "veilgate.db")
    assert damaged(saved) == []
    assert restore(saved, new, new / "veilgate.db") == 8
    assert_restored(house, new)
    closed = [new / "objects", *(path for path in new.rglob("*") if path.is_file())]
    assert {path.stat().st_mode & 0o77 for path in closed} == {0}, "faces, which others may not read"


class _KilledError(BaseException):
    """Nothing of ours runs any more."""


def kill_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """In a restore: with the file that is made as that one, or, as the last step, before the database has its
    name."""
    made, make, rename = count(1), os.open, Path.replace

    def make_or_die(*names: Any, **more: Any) -> int:
        if next(made) == step:
            raise _KilledError
        return make(*names, **more)

    def rename_or_die(path: Path, target: Path) -> Path:
        if step > FILES:
            raise _KilledError
        return rename(path, target)

    patch.setattr(os, "open", make_or_die)
    patch.setattr(Path, "replace", rename_or_die)
    patch.setattr(os, "sync", lambda: None)


@pytest.mark.parametrize("is_link", [False, True], ids=["one disk", "each on its own"])
def test_a_restore_that_was_cut_off_is_no_house_and_begins_again(
    house: SmallHouse, saved: Path, tmp_path: Path, is_link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new"
    if is_link:
        new.mkdir()
        (tmp_path / "large disk").mkdir()
        (new / "objects").symlink_to(tmp_path / "large disk")
    monkeypatch.setenv("DATA_DIR", str(new))
    for step in range(2, FILES + 2):
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            with pytest.raises(_KilledError):
                restore(saved, new, new / "veilgate.db")
        assert not (new / "veilgate.db").exists()
        with pytest.raises(ConfigurationError, match="a restore was cut off"):
            open_engine(f"sqlite:///{new / 'veilgate.db'}")
        require_empty(new, new / "veilgate.db")
    left = new / "objects" / "original" / "of-another-backup"
    left.write_bytes(b"of an older backup that was begun with")
    assert init_database.main([]) == os.EX_CONFIG
    assert restore(saved, new, new / "veilgate.db") == FILES - 1
    assert_restored(house, new)
    assert (new / "objects").is_symlink() == is_link
    assert init_database.main(["--check"]) == 0


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """The path of a socket has at most 103 bytes."""
    with TemporaryDirectory(prefix="veil") as folder:
        yield Path(folder)


def test_a_house_started_on_it_leaves_it_as_it_is(short_folder: Path) -> None:
    waiting_database(short_folder / "veilgate.db").touch()
    settings = {
        "DATA_DIR": str(short_folder),
        "PORT": str(find_free_port()),
        "REDIS_URL": "",
        "DATABASE_URL": "",
    }
    done = subprocess.run(
        [sys.executable, "-m", "veilgate", "up"],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "a restore was cut off" in said
    require_empty(short_folder, short_folder / "veilgate.db")


def test_what_was_cut_off_hides_no_house(house: SmallHouse, saved: Path) -> None:
    waiting_database(house.shelf.path).touch()
    with pytest.raises(ConfigurationError, match=r"a house already .*veilgate\.db"):
        require_empty(house.data_dir, house.shelf.path)


def test_objects_that_cannot_be_used_are_said_before_anything_is_copied(saved: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "objects").symlink_to(tmp_path / "not mounted")
    with pytest.raises(DiskFull, match=r"cannot be restored: File exists .*objects"):
        restore(saved, new, new / "veilgate.db")
    assert [path.name for path in new.iterdir()] == ["objects"]


def test_a_house_is_never_written_over(house: SmallHouse, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is a house already"):
        require_empty(house.data_dir, house.shelf.path)
    with pytest.raises(ConfigurationError, match="objects"):
        require_empty(house.data_dir, tmp_path / "none.db")
    log = tmp_path / "other.db-wal"
    log.write_bytes(b"what another database had still to write")
    with pytest.raises(ConfigurationError, match=r"other\.db-wal"):
        require_empty(tmp_path / "new", tmp_path / "other.db")
    (tmp_path / "new" / "redis").mkdir(parents=True)
    (tmp_path / "new" / "redis" / "dump.rdb").write_bytes(b"lists of another house")
    with pytest.raises(ConfigurationError, match="redis"):
        require_empty(tmp_path / "new", tmp_path / "none.db")


def test_damage_is_found_before_anything_is_written(house: SmallHouse, saved: Path) -> None:
    (saved / "objects" / house.original_key("a")).write_bytes(b"flipped")
    (saved / "objects" / "results/b/1/processed.jpg").unlink()
    assert sorted(damaged(saved)) == [
        f"objects/{house.original_key('a')}",
        "objects/results/b/1/processed.jpg",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "holds no whole backup"),
        ("what is this\n", "is no list of files"),
        (f"{'0' * 64}  ../../etc/passwd\n", "names files elsewhere"),
        (f"{'0' * 64}  /etc/passwd\n", "names files elsewhere"),
        (f"{'0' * 64}  redis/dump.rdb\n", "it names redis/dump.rdb"),
    ],
    ids=["without the database", "no list", "above", "absolute", "of other folders"],
)
def test_what_is_no_backup_is_refused(saved: Path, line: str, said: str) -> None:
    (saved / "SHA256SUMS").write_text(line)
    with pytest.raises(ConfigurationError, match=said):
        damaged(saved)


def test_a_backup_that_was_cut_off_is_none(saved: Path) -> None:
    (saved / "SHA256SUMS").unlink()
    with pytest.raises(ConfigurationError, match="holds no whole backup"):
        damaged(saved)
