"""An S3 that answers wrongly, late, half, or not at all."""

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fixtures.object_server import FaultProxy, S3Server
from tests.integration.storage.conftest import s3_store
from veilgate.domain.errors import ObjectStoreUnavailable
from veilgate.storage.s3 import S3ObjectStore

DATA = bytes(range(256)) * 12_000  # 3 MB


@pytest.fixture
def store(proxied_s3: S3ObjectStore) -> S3ObjectStore:
    proxied_s3.put("a/b", DATA, media_type="image/jpeg")
    return proxied_s3


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "SlowDown"), (502, "BadGateway")])
def test_what_passes_is_tried_again(
    store: S3ObjectStore, fault_proxy: FaultProxy, status: int, code: str
) -> None:
    for call in (lambda: store.get("a/b"), lambda: store.put("a/b", DATA, media_type="image/jpeg")):
        fault_proxy.requests.clear()
        fault_proxy.fail_next(2, status, code)
        call()
        assert len(fault_proxy.requests) == 3
    assert store.get("a/b") == DATA


def test_what_stays_is_given_up(store: S3ObjectStore, fault_proxy: FaultProxy) -> None:
    fault_proxy.requests.clear()
    fault_proxy.fail_next(99, 500, "InternalError")
    with pytest.raises(ObjectStoreUnavailable, match="InternalError"):
        store.get("a/b")
    assert len(fault_proxy.requests) == 3


def test_a_refusal_is_not_tried_again(store: S3ObjectStore, fault_proxy: FaultProxy) -> None:
    fault_proxy.requests.clear()
    fault_proxy.fail_next(99, 403, "AccessDenied")
    with pytest.raises(ObjectStoreUnavailable, match="AccessDenied"):
        store.get("a/b")
    assert len(fault_proxy.requests) == 1


@pytest.mark.parametrize("cut_after_bytes", [0, 1, 1 << 20, len(DATA) - 1])
def test_half_an_object_is_an_error(
    store: S3ObjectStore, fault_proxy: FaultProxy, cut_after_bytes: int
) -> None:
    fault_proxy.cut_after_bytes = cut_after_bytes
    with pytest.raises(ObjectStoreUnavailable):
        store.get("a/b")
    size, chunks = store.open_chunks("a/b")
    assert size == len(DATA)
    with pytest.raises(ObjectStoreUnavailable):
        list(chunks)


def test_a_server_that_hangs_is_given_up_in_time(store: S3ObjectStore, fault_proxy: FaultProxy) -> None:
    fault_proxy.hanging = lambda _method, _path: True
    began_s = time.monotonic()
    with pytest.raises(ObjectStoreUnavailable, match="in time"):
        store.get("a/b")
    assert time.monotonic() - began_s < 3 * 2 + 4, "three tries of two seconds, and the pauses between"


def test_errors_inside_a_good_answer_are_errors(store: S3ObjectStore, fault_proxy: FaultProxy) -> None:
    def answer(code: str) -> bytes:
        return (
            '<?xml version="1.0"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Error><Key>a/b</Key><Code>{code}</Code><Message>no</Message></Error></DeleteResult>"
        ).encode()

    fault_proxy.answer_next(1, 200, answer("AccessDenied"))
    with pytest.raises(ObjectStoreUnavailable, match="AccessDenied"):
        store.delete(["a/b"])
    fault_proxy.answer_next(1, 200, answer("InternalError"))
    with pytest.raises(ObjectStoreUnavailable, match="InternalError"):
        store.delete(["a/b"])
    fault_proxy.answer_next(1, 200, answer("NoSuchKey"))
    store.delete(["a/b"])


@pytest.mark.parametrize(
    "body", [b"", b"<html>no S3</html>", b"\xff\xfe", b"<Error><Code>a\r\nb</Code></Error>"]
)
def test_answers_that_are_none_of_s3s(store: S3ObjectStore, fault_proxy: FaultProxy, body: bytes) -> None:
    calls: list[Callable[[], object]] = [lambda: store.get("a/b"), store.check, lambda: store.delete(["a/b"])]
    for call in calls:
        fault_proxy.answer_next(3, 418, body)
        with pytest.raises(ObjectStoreUnavailable) as caught:
            call()
        assert "\n" not in caught.value.message
        fault_proxy.recover()


def test_a_web_server_that_likes_everything_is_no_object_store(
    store: S3ObjectStore, fault_proxy: FaultProxy, tmp_path: Path
) -> None:
    fault_proxy.answer_next(99, 200, b"<html>Welcome</html>")
    (tmp_path / "x").write_bytes(DATA * 6)
    with pytest.raises(ObjectStoreUnavailable):
        store.put("a/c", DATA, media_type="image/jpeg")
    with pytest.raises(ObjectStoreUnavailable):
        store.put_file("a/c", tmp_path / "x", media_type="image/jpeg", sha256="0" * 64)
    with pytest.raises(ObjectStoreUnavailable):
        store.require_usable()
    assert (tmp_path / "x").exists()


def test_a_server_that_dies_and_comes_back(start_s3_server: Callable[[], S3Server]) -> None:
    server = start_s3_server()
    bucket = server.new_bucket()
    store = s3_store(server.endpoint_url, bucket)
    store.put("a/b", b"x", media_type="image/jpeg")
    server.kill()
    with ThreadPoolExecutor(4) as threads:
        for call in [threads.submit(store.get, "a/b") for _ in range(4)]:
            with pytest.raises(ObjectStoreUnavailable, match="cannot be reached"):
                call.result(30)
    with pytest.raises(ObjectStoreUnavailable):
        store.require_usable()
    server.start()
    server.new_bucket(bucket)
    store.put("a/b", b"y", media_type="image/jpeg")
    assert store.get("a/b") == b"y"


@pytest.mark.parametrize("repeats", [1, 7])
def test_a_file_is_sent_again_from_its_beginning(
    store: S3ObjectStore, fault_proxy: FaultProxy, tmp_path: Path, repeats: int
) -> None:
    """In one piece, and in parts (21 MB)."""
    data = DATA * repeats
    (tmp_path / "x").write_bytes(data)
    fault_proxy.fail_next(2, 500, "InternalError", when=lambda method, _path: method == "PUT")
    store.put_file("a/x", tmp_path / "x", media_type="image/jpeg", sha256=hashlib.sha256(data).hexdigest())
    assert store.get("a/x") == data
