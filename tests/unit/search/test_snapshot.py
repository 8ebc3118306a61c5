"""What an index leaves on the disk, and what a kill or a flipped byte does to it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.vector_oracle import VectorOracle, added, removed, vectors
from tests.unit.search.conftest import DIMENSIONS, SMALL, small_faiss_index
from tests.waiting import wait_until
from veilgate.search.faiss_index import FaissIndex
from veilgate.search.ports import VectorQuery

VECTORS = vectors(700, DIMENSIONS)
LINES = [*(added(number + 1, number, VECTORS[number]) for number in range(600)), removed(601, 5)]
QUERY = VectorQuery("owner", VECTORS[650], 10, below_seq=150)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an index with segments, an approximation, a tail and a dead row."""
    folder = tmp_path_factory.mktemp("saved")
    index = small_faiss_index(folder)
    index.build(LINES[:500], seq=500)
    index.apply(LINES[500:])
    wait_until(lambda: index.unsealed_rows <= SMALL.tail_rows, timeout_s=30, what="the tail to be sealed")
    index.save()
    index.close()
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name.rpartition(".")[2].partition("-")[0] for name in files} == {
        "manifest",
        "vectors",
        "rows",
        "approximation",
    }
    return files


def put(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def is_whole(index: FaissIndex) -> None:
    oracle = VectorOracle()
    oracle.apply(LINES)
    assert (index.seq, index.size, index.reason) == (601, 599, None)
    oracle.check(index.search([QUERY])[0], QUERY)


def test_it_is_taken_up_as_it_was(saved: dict[str, bytes], tmp_path: Path) -> None:
    is_whole(small_faiss_index(put(saved, tmp_path)))


def test_every_flipped_byte_is_noticed(saved: dict[str, bytes], tmp_path: Path) -> None:
    """In every file, at its ends and in between; then the index is built anew, and answers as before."""
    for name, data in saved.items():
        for place in {0, 70, len(data) // 2, len(data) - 1}:
            flipped = bytearray(data)
            flipped[place] ^= 0x10
            index = small_faiss_index(put({**saved, name: bytes(flipped)}, tmp_path))
            assert (index.seq, index.size) == (0, 0), f"{name} at {place}"
            assert index.reason
    assert (index.search([QUERY])[0].hits, list(tmp_path.iterdir())) == ((), [])
    index.build([line for line in LINES[:600] if line != LINES[5]], seq=601)
    index.save()
    is_whole(small_faiss_index(tmp_path))


@pytest.mark.parametrize("damage", ["cut short", "gone"])
def test_a_file_that_is_not_whole_is_noticed(saved: dict[str, bytes], tmp_path: Path, *, damage: str) -> None:
    for name, data in saved.items():
        put(saved, tmp_path)
        if damage == "gone":
            (tmp_path / name).unlink()
        else:
            (tmp_path / name).write_bytes(data[:-1])
        index = small_faiss_index(tmp_path)
        assert (index.seq, index.size) == (0, 0)
        assert bool(index.reason) != (name == "manifest" and damage == "gone")


def test_anothers_snapshot_is_not_taken(saved: dict[str, bytes], tmp_path: Path) -> None:
    other = small_faiss_index(put(saved, tmp_path), model_id="other-model")
    assert (other.seq, other.size) == (0, 0)
    assert other.reason
    assert "other-model" in other.reason
    longer = FaissIndex(put(saved, tmp_path), model_id="model", dimensions=DIMENSIONS + 1)
    longer.load()
    assert longer.seq == 0
    assert longer.reason
    assert "dimensions" in longer.reason


CHILD = """
import sys
from pathlib import Path
from tests.unit.search.conftest import small_faiss_index
from tests.unit.search.test_snapshot import LINES
from veilgate.telemetry.failpoints import arm

index = small_faiss_index(Path(sys.argv[1]))
assert index.seq == int(sys.argv[3])
arm(sys.argv[2])
index.apply(LINES)
while index.unsealed_rows > 64:
    pass
index.save()
"""


@pytest.mark.parametrize(
    ("place", "survives"),
    [
        ("index_segment_written", False),
        ("index_tail_written", False),
        ("index_before_rename", False),
        ("index_after_rename", True),
    ],
)
def test_a_kill_leaves_the_state_before_or_after(
    tmp_path: Path, repository_root: Path, *, place: str, survives: bool
) -> None:
    index = small_faiss_index(tmp_path)
    index.apply(LINES[:100])
    index.save()
    index.close()
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), f"{place}:kill9", "100"],
        cwd=repository_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    again = small_faiss_index(tmp_path)
    assert again.reason is None
    assert (again.seq, again.size) == ((601, 599) if survives else (100, 100))
    named = json.loads((tmp_path / "manifest").read_bytes().partition(b"\n")[2])
    parts = [*named["segments"], *([named["tail"]] if named["tail"] else [])]
    files = {file["name"] for part in parts for file in part["files"]}
    assert {path.name for path in tmp_path.iterdir()} == files | {"manifest"}
    again.apply(LINES)
    oracle = VectorOracle()
    oracle.apply(LINES)
    oracle.check(again.search([QUERY])[0], QUERY)
    again.close()


def test_saving_often_keeps_the_files_of_one_snapshot(tmp_path: Path) -> None:
    index = small_faiss_index(tmp_path)
    for start in range(0, 600, 60):
        index.apply(LINES[start : start + 60])
        wait_until(lambda: index.unsealed_rows <= SMALL.tail_rows, timeout_s=30, what="sealing")
        index.save()
    index.apply(LINES[600:])
    index.save()
    index.close()
    before = {path.name for path in tmp_path.iterdir()}
    is_whole(small_faiss_index(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == before
