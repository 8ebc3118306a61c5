"""What every object store promises, whichever it is."""

import hashlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from veilgate.domain.errors import ObjectStoreUnavailable
from veilgate.storage.ports import ObjectStore

LARGE = random.Random(1).randbytes(40_000_000)


def put_file(store: ObjectStore, key: str, data: bytes, folder: Path) -> Path:
    path = folder / "received.part"
    path.write_bytes(data)
    store.put_file(key, path, media_type="image/jpeg", sha256=hashlib.sha256(data).hexdigest())
    return path


def put(store: ObjectStore, *keys: str) -> None:
    for key in keys:
        store.put(key, key.encode(), media_type="image/jpeg")


@pytest.mark.parametrize("size", [0, 1, 100_000, 1 << 20, (1 << 20) + 1])
def test_what_was_put_is_what_is_there(store: ObjectStore, size: int) -> None:
    data = LARGE[:size]
    store.put("results/a/1/processed.jpg", data, media_type="image/jpeg")
    assert store.get("results/a/1/processed.jpg") == data
    assert store.size_bytes("results/a/1/processed.jpg") == size
    told, chunks = store.open_chunks("results/a/1/processed.jpg")
    assert (told, b"".join(chunks)) == (size, data)


@pytest.mark.parametrize("size", [0, 100_000, len(LARGE)])
def test_a_file_is_taken_over(store: ObjectStore, tmp_path: Path, size: int) -> None:
    path = put_file(store, "original/2026/01/01/a", LARGE[:size], tmp_path)
    assert not path.exists()
    told, chunks = store.open_chunks("original/2026/01/01/a")
    digest, longest = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        longest = max(longest, len(chunk))
    assert (told, digest.digest()) == (size, hashlib.sha256(LARGE[:size]).digest())
    assert longest <= 1 << 20, "never the whole file at once"


def test_a_part_is_read_without_the_rest(store: ObjectStore, tmp_path: Path) -> None:
    put_file(store, "a/b", LARGE, tmp_path)
    for first, last in [(0, 0), (5, 5_000_000), (len(LARGE) - 3, len(LARGE) - 1), (0, len(LARGE) - 1)]:
        chunks = list(store.open_range("a/b", first, last))
        assert b"".join(chunks) == LARGE[first : last + 1]
        assert max(map(len, chunks)) <= 1 << 20
    with pytest.raises(FileNotFoundError):
        store.open_range("a/none", 0, 0)


def test_a_file_that_is_missing_is_no_object(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.put_file("a/b", tmp_path / "none", media_type="image/jpeg", sha256="0" * 64)
    assert list(store.list("a/")) == []


def test_an_object_may_be_put_again(store: ObjectStore, tmp_path: Path) -> None:
    """As after a kill between storing and writing it down; the last one stands, and never a mixture."""
    put_file(store, "a/b", b"a longer first one", tmp_path)
    put_file(store, "a/b", b"second", tmp_path)
    store.put("a/b", b"third", media_type="image/jpeg")
    assert store.get("a/b") == b"third"
    assert list(store.list("a/")) == ["a/b"]


@pytest.mark.parametrize(
    "key", ["a/ä ö+&=?#%41.jpg", "日本/写真", "a/'\"<&>;", "a/%2e%2e/b", "a/" + "x" * 200, "a/b.c~d_e-f!(g)*"]
)
def test_any_text_is_a_key(store: ObjectStore, key: str) -> None:
    store.put(key, b"x", media_type="image/jpeg")
    assert store.get(key) == b"x"
    assert list(store.list(key[:1])) == [key]
    store.delete([key])
    assert list(store.list("")) == []


@pytest.mark.parametrize("key", ["", "/", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "."])
def test_what_might_lead_elsewhere_is_no_key(store: ObjectStore, key: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    calls: list[Callable[[], object]] = [
        lambda: store.put(key, b"x", media_type="image/jpeg"),
        lambda: store.get(key),
        lambda: store.size_bytes(key),
        lambda: store.open_chunks(key),
        lambda: store.delete([key]),
        lambda: store.put_file(key, tmp_path / "a", media_type="image/jpeg", sha256="0" * 64),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="not an object key"):
            call()


def test_what_is_missing_is_not_found(store: ObjectStore) -> None:
    put(store, "a/b/c")
    for key in ("a/x", "a/b/d", "y"):
        for read in (store.get, store.open_chunks, store.size_bytes):
            with pytest.raises(FileNotFoundError):
                read(key)


def test_deleting_takes_what_is_there(store: ObjectStore) -> None:
    put(store, "a/1", "a/2", "b/1")
    store.delete(["a/1", "a/none", "none", "b/1", "b/1"])
    assert list(store.list("")) == ["a/2"]
    store.delete([])
    store.delete(["a/1"])
    assert list(store.list("")) == ["a/2"]


def test_listing_goes_by_prefix(store: ObjectStore) -> None:
    put(store, "original/2026/01/01/a", "original/2026/01/02/b", "original/2026/01/02/c", "results/a/1/x")
    assert sorted(store.list("original/2026/01/02/")) == ["original/2026/01/02/b", "original/2026/01/02/c"]
    assert sorted(store.list("original/2026/01/0")) == sorted(store.list("original/"))
    assert list(store.list("results/a/1/")) == ["results/a/1/x"]
    assert list(store.list("results/b/")) == []


def test_chunks_may_be_left_unread(store: ObjectStore, tmp_path: Path) -> None:
    put_file(store, "a/b", LARGE, tmp_path)
    for _ in range(3):
        size, chunks = store.open_chunks("a/b")
        assert (size, next(chunks)) == (len(LARGE), LARGE[: 1 << 20])
        del chunks
    assert store.get("a/b") == LARGE


def test_many_threads_may_put_and_get(store: ObjectStore, tmp_path: Path) -> None:
    def put_and_get(number: int) -> bool:
        folder = tmp_path / str(number)
        folder.mkdir()
        data = LARGE[number : number + 50_000]
        put_file(store, f"a/{number}", data, folder)
        store.put(f"b/{number}", data, media_type="image/jpeg")
        return store.get(f"a/{number}") == data == store.get(f"b/{number}")

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(put_and_get, range(48)))
    assert len(list(store.list(""))) == 96


def test_two_puts_of_one_key_end_as_one_of_them(store: ObjectStore) -> None:
    start = threading.Barrier(8)
    contents = [bytes([number]) * 300_000 for number in range(8)]

    def put_one(data: bytes) -> None:
        start.wait(10)
        store.put("a/b", data, media_type="image/jpeg")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put_one, contents))
    assert store.get("a/b") in contents


def test_who_reads_during_a_delete_gets_all_or_an_error(store: ObjectStore, tmp_path: Path) -> None:
    put_file(store, "a/b", LARGE[:5_000_000], tmp_path)
    _, chunks = store.open_chunks("a/b")
    first = next(chunks)
    store.delete(["a/b"])
    try:
        read = first + b"".join(chunks)
    except ObjectStoreUnavailable:
        return
    assert read == LARGE[:5_000_000]


def test_a_usable_store_says_so(store: ObjectStore) -> None:
    store.check()
    assert list(store.list("")) == [], "and leaves nothing behind"


def test_a_store_that_is_away_is_unavailable(store_that_is_away: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "received.part"
    path.write_bytes(b"x")
    calls: list[Callable[[], object]] = [
        store_that_is_away.check,
        lambda: store_that_is_away.put("a/b", b"x", media_type="image/jpeg"),
        lambda: store_that_is_away.put_file("a/b", path, media_type="image/jpeg", sha256="0" * 64),
    ]
    for call in calls:
        with pytest.raises(ObjectStoreUnavailable) as caught:
            call()
        assert str(tmp_path) not in caught.value.message
        assert caught.value.message.endswith(".")
    assert path.read_bytes() == b"x", "the caller's file is still the caller's"


def test_the_address_of_an_object_names_it(store: ObjectStore) -> None:
    assert store.uri("results/a/1/x.jpg").endswith("/results/a/1/x.jpg")
    assert store.uri("a").partition("://")[0] in {"file", "s3"}


def test_nothing_finished_counts_as_unfinished(store: ObjectStore) -> None:
    put(store, "a/b", "original/2026/01/01/c")
    assert store.remove_unfinished(older_than_s=-60) == 0
    assert set(store.list("")) >= {"a/b", "original/2026/01/01/c"}
