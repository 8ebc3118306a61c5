"""What only S3 has: encryption, checksums, parts, signed addresses, and settings that do not fit."""

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.object_server import FaultProxy, S3Server
from tests.integration.storage.conftest import OpenS3, s3_store
from veilgate.domain.errors import ConfigurationError, DiskFull, ObjectStoreUnavailable
from veilgate.storage.s3 import S3ObjectStore

LARGE = bytes(range(256)) * 80_000  # 20 MB


def base64_sha256(data: bytes) -> str:
    return b64encode(hashlib.sha256(data).digest()).decode()


def head(server: S3Server, store: S3ObjectStore, key: str) -> dict[str, Any]:
    _, _, bucket, name = store.uri(key).split("/", 3)
    answer: dict[str, Any] = server.client.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
    return answer


def put_large(store: S3ObjectStore, folder: Path, *, sha256: str = "") -> Path:
    path = folder / "received.part"
    path.write_bytes(LARGE)
    store.put_file("a/b", path, media_type="image/png", sha256=sha256 or hashlib.sha256(LARGE).hexdigest())
    return path


def open_uploads(server: S3Server, store: S3ObjectStore) -> list[Any]:
    bucket = store.uri("x").split("/")[2]
    found: list[Any] = server.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return found


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, {}),
        ({"encryption": "AES256"}, {"ServerSideEncryption": "AES256"}),
        (
            {"encryption": "aws:kms", "kms_key_id": "key-1"},
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1"},
        ),
    ],
)
def test_objects_are_encrypted_as_set(
    open_s3: OpenS3, s3_server: S3Server, tmp_path: Path, settings: dict[str, str], shown: dict[str, str]
) -> None:
    store = open_s3(**settings)
    store.put("a/a", b"x", media_type="image/jpeg")
    put_large(store, tmp_path)
    signed = store.sign_put("a/c", size_bytes=1, sha256=hashlib.sha256(b"x").hexdigest())
    httpx.put(signed.url, content=b"x", headers=dict(signed.headers), trust_env=False).raise_for_status()
    for key in ("a/a", "a/b", "a/c"):
        found = head(s3_server, store, key)
        assert {
            name: found[name] for name in found if name in {"ServerSideEncryption", "SSEKMSKeyId"}
        } == shown


def test_the_store_is_told_checksum_and_type(open_s3: OpenS3, s3_server: S3Server, tmp_path: Path) -> None:
    store = open_s3()
    store.put("a/a", b"x", media_type="image/jpeg")
    found = head(s3_server, store, "a/a")
    assert (found["ChecksumSHA256"], found["ContentType"]) == (base64_sha256(b"x"), "image/jpeg")
    (tmp_path / "f").write_bytes(b"file")
    store.put_file("a/f", tmp_path / "f", media_type="image/webp", sha256=hashlib.sha256(b"file").hexdigest())
    found = head(s3_server, store, "a/f")
    assert (found["ChecksumSHA256"], found["ContentType"]) == (base64_sha256(b"file"), "image/webp")


def test_large_files_go_in_parts(open_s3: OpenS3, s3_server: S3Server, tmp_path: Path) -> None:
    store = open_s3()
    assert not put_large(store, tmp_path).exists()
    found = head(s3_server, store, "a/b")
    assert found["ETag"].strip('"').endswith("-3"), "20 MB are three parts"
    assert found["ContentType"] == "image/png"
    assert store.get("a/b") == LARGE
    assert open_uploads(s3_server, store) == []


def test_each_part_carries_its_checksum(
    proxied_s3: S3ObjectStore, fault_proxy: FaultProxy, tmp_path: Path
) -> None:
    put_large(proxied_s3, tmp_path)
    parts = [headers for (_, path), headers in fault_proxy.seen() if "partNumber=" in path]
    size = 8 << 20
    expected = [base64_sha256(LARGE[start : start + size]) for start in range(0, len(LARGE), size)]
    assert [headers["x-amz-checksum-sha256"] for headers in parts] == expected


def test_a_file_that_changed_is_not_stored(open_s3: OpenS3, s3_server: S3Server, tmp_path: Path) -> None:
    store = open_s3()
    with pytest.raises(ObjectStoreUnavailable):
        put_large(store, tmp_path, sha256="0" * 64)
    assert (list(store.list("")), open_uploads(s3_server, store)) == ([], [])
    assert (tmp_path / "received.part").exists()


def test_parts_do_not_stay_when_one_fails(
    proxied_s3: S3ObjectStore, s3_server: S3Server, fault_proxy: FaultProxy, tmp_path: Path
) -> None:
    fault_proxy.fail_next(9, 403, "AccessDenied", when=lambda _method, path: "partNumber=2" in path)
    with pytest.raises(ObjectStoreUnavailable):
        put_large(proxied_s3, tmp_path)
    assert open_uploads(s3_server, proxied_s3) == []
    assert list(proxied_s3.list("")) == []


def test_more_than_a_thousand_objects_are_deleted_and_listed(open_s3: OpenS3, s3_server: S3Server) -> None:
    store = open_s3()
    bucket = store.uri("x").split("/")[2]
    keys = [f"a/{number}" for number in range(1001)]
    for key in keys:
        s3_server.client.put_object(Bucket=bucket, Key=key, Body=b"")
    assert sorted(store.list("a/")) == sorted(keys)
    store.delete([*keys, "a/none"])
    assert list(store.list("")) == []


def test_a_signed_address_gives_the_object_as_a_file(open_s3: OpenS3) -> None:
    store = open_s3()
    store.put("a/b", b"picture", media_type="application/octet-stream")
    address = store.sign_get("a/b", media_type="image/jpeg", disposition='inline; filename="x.jpg"')
    answer = httpx.get(address, trust_env=False)
    assert (answer.status_code, answer.content) == (200, b"picture")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == 'inline; filename="x.jpg"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert "test-secret" not in address
    soon_over = store.sign_get("a/b", media_type="image/jpeg", disposition="inline", works_s=60)
    assert httpx.URL(soon_over).params["X-Amz-Expires"] == "60"


def test_length_and_checksum_are_part_of_the_signature(open_s3: OpenS3) -> None:
    data = b"picture"
    signed = open_s3().sign_put("a/b", size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    names = httpx.URL(signed.url).params["X-Amz-SignedHeaders"].split(";")
    assert {"content-length", "x-amz-checksum-sha256", "host"} <= set(names)
    assert signed.headers["x-amz-checksum-sha256"] == base64_sha256(data)


def test_addresses_are_signed_for_where_callers_are(s3_server: S3Server) -> None:
    store = s3_store(
        s3_server.endpoint_url,
        s3_server.new_bucket("b-1"),
        public_endpoint_url="https://pictures.example:9000",
    )
    for url in (
        store.sign_get("a/b", media_type="image/jpeg", disposition="inline"),
        store.sign_put("a/b", size_bytes=1, sha256="0" * 64).url,
    ):
        assert url.startswith("https://pictures.example:9000/b-1/a/b?")
    store.check()


def test_a_usable_bucket_is_left_as_it_was(open_s3: OpenS3) -> None:
    store = open_s3()
    store.require_usable()
    assert list(store.list("")) == []


def test_a_bucket_that_is_not_there(s3_server: S3Server) -> None:
    store = s3_store(s3_server.endpoint_url, "nobody-made-this")
    with pytest.raises(ConfigurationError, match=r"^S3_BUCKET: .*nobody-made-this"):
        store.require_usable()
    for call in (store.check, lambda: store.put("a/b", b"x", media_type="x/y"), lambda: store.get("a/b")):
        with pytest.raises(ObjectStoreUnavailable, match="bucket"):
            call()


@pytest.mark.parametrize(
    ("method", "status", "code", "line"),
    [
        ("GET", 403, "AccessDenied", "S3_BUCKET: "),
        ("PUT", 403, "AccessDenied", "S3_BUCKET: "),
        ("DELETE", 403, "AccessDenied", "S3_BUCKET: "),
        ("GET", 403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID: "),
        ("GET", 400, "ExpiredToken", "AWS_ACCESS_KEY_ID: "),
        ("GET", 403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY: "),
        ("GET", 400, "AuthorizationHeaderMalformed", "AWS_REGION: "),
        ("PUT", 400, "KMS.NotFoundException", "S3_KMS_KEY_ID: "),
    ],
)
def test_at_start_the_setting_at_fault_is_named(
    proxied_s3: S3ObjectStore, fault_proxy: FaultProxy, *, method: str, status: int, code: str, line: str
) -> None:
    fault_proxy.fail_next(9, status, code, when=lambda given, _path: given == method)
    with pytest.raises(ConfigurationError) as caught:
        proxied_s3.require_usable()
    assert caught.value.message.startswith(line)
    assert "test-secret" not in caught.value.message


def test_keys_that_nobody_has_are_named(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    store = s3_store(s3_server.endpoint_url, s3_server.new_bucket(), access_key_id="", secret_access_key="")
    with pytest.raises(ConfigurationError, match=r"^AWS_ACCESS_KEY_ID: "):
        store.require_usable()
    with pytest.raises(ObjectStoreUnavailable, match="credentials"):
        store.sign_get("a/b", media_type="image/jpeg", disposition="inline")


def test_a_region_that_is_not_the_buckets(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3_server.new_bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint_url)  # stands in for AWS itself
    store = s3_store("", bucket, region="eu-west-1")
    with pytest.raises(ConfigurationError, match=r"^AWS_REGION: .*us-east-1"):
        store.require_usable()


@pytest.mark.parametrize(
    ("status", "code"), [(507, "XMinioStorageFull"), (403, "QuotaExceeded"), (507, "Whatever")]
)
def test_a_full_store_is_full(
    proxied_s3: S3ObjectStore, fault_proxy: FaultProxy, status: int, code: str
) -> None:
    fault_proxy.fail_next(9, status, code)
    with pytest.raises(DiskFull):
        proxied_s3.put("a/b", b"x", media_type="image/jpeg")


def test_trials_of_the_dead_are_removed(s3_server: S3Server) -> None:
    """A process may be killed between writing its trial object and deleting it."""
    store = s3_store(s3_server.endpoint_url, s3_server.new_bucket())
    store.put("probe/0", b"x", media_type="text/plain")
    store.put("original/0", b"x", media_type="image/jpeg")
    assert store.remove_unfinished(older_than_s=3600) == 0
    assert store.remove_unfinished(older_than_s=-3600) == 1
    assert list(store.list("")) == ["original/0"]


def test_multipart_uploads_of_the_dead_are_aborted(s3_server: S3Server) -> None:
    """How long ago they were begun is in moto's hands: its clock says 2010."""
    bucket = s3_server.new_bucket()
    store = s3_store(s3_server.endpoint_url, bucket)
    s3_server.client.create_multipart_upload(Bucket=bucket, Key="original/2026/01/01/a")
    assert store.remove_unfinished(older_than_s=100 * 365 * 86_400) == 0
    assert store.remove_unfinished(older_than_s=3600) == 1
    assert open_uploads(s3_server, store) == []
