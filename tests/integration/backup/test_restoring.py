"""What `veilgate restore` makes of a backup, and what it refuses to touch."""

from pathlib import Path

import pytest

from tests.integration.backup.conftest import SmallHouse
from veilgate.domain.errors import ConfigurationError
from veilgate.services.backup.restoring import damaged_files, require_empty, restore
from veilgate.storage.local import LocalObjectStore


@pytest.fixture
def saved(house: SmallHouse) -> Path:
    house.add("a", "b")
    house.back_up()
    return house.saved


def damaged(folder: Path) -> list[str]:
    return damaged_files(folder, progress=lambda _number: None)


def test_all_is_there_again(house: SmallHouse, saved: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    (new / "objects" / ".incoming").mkdir(parents=True)
    (new / ".restoring" / "objects").mkdir(parents=True)
    (new / ".restoring" / "objects" / "half").write_bytes(b"of a restore that was cut off")
    require_empty(new, new / "veilgate.db")
    assert damaged(saved) == []
    assert restore(saved, new, new / "veilgate.db") == 9
    store = LocalObjectStore(new / "objects")
    assert {key: store.get(key) for key in store.list("")} == {
        key: house.store.get(key) for key in house.store.list("")
    }
    assert (new / "veilgate.db").read_bytes() == (saved / "veilgate.db").read_bytes()
    assert sorted(path.name for path in new.iterdir()) == ["objects", "veilgate.db"]
    closed = [new / "objects", *(path for path in new.rglob("*") if path.is_file())]
    assert {path.stat().st_mode & 0o77 for path in closed} == {0}, "faces, which others may not read"


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
    ],
    ids=["without the database", "no list", "above", "absolute"],
)
def test_what_is_no_backup_is_refused(saved: Path, line: str, said: str) -> None:
    (saved / "SHA256SUMS").write_text(line)
    with pytest.raises(ConfigurationError, match=said):
        damaged(saved)


def test_a_backup_that_was_cut_off_is_none(saved: Path) -> None:
    (saved / "SHA256SUMS").unlink()
    with pytest.raises(ConfigurationError, match="holds no whole backup"):
        damaged(saved)
