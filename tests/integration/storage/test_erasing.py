"""Erasing objects: nobody can bring them back, not even where the bucket keeps versions."""

import itertools
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.object_server import FaultProxy, S3Server
from tests.integration.storage.conftest import s3_store
from veilgate.domain.errors import ObjectStoreUnavailable
from veilgate.storage.local import LocalObjectStore
from veilgate.storage.ports import ObjectStore
from veilgate.storage.s3 import S3ObjectStore

KEY, PREFIX, OTHER = "original/2026/01/01/a", "results/a/", "results/ab/1/processed.jpg"


def put(store: ObjectStore, *keys: str) -> None:
    for key in keys:
        store.put(key, key.encode(), media_type="image/jpeg")


def test_a_key_and_all_below_a_prefix(store: ObjectStore) -> None:
    put(store, KEY, f"{KEY}b", f"{PREFIX}1/processed.jpg", f"{PREFIX}2/thumbnail-320.jpg", OTHER)
    assert list(store.traces(KEY)) == [KEY]
    assert len(list(store.traces(PREFIX))) == 2
    store.erase([KEY, PREFIX, "announced/none", "results/none/"])
    assert sorted(store.list("")) == [f"{KEY}b", OTHER]
    assert list(store.traces(KEY)) == list(store.traces(PREFIX)) == []


@pytest.fixture
def versioned(s3_server: S3Server) -> tuple[S3ObjectStore, str]:
    bucket = s3_server.new_bucket()
    s3_server.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return s3_store(s3_server.endpoint_url, bucket), bucket


def versions(s3_server: S3Server, bucket: str) -> list[Any]:
    found = s3_server.client.list_object_versions(Bucket=bucket)
    return [*found.get("Versions", []), *found.get("DeleteMarkers", [])]


def test_every_version_goes(versioned: tuple[S3ObjectStore, str], s3_server: S3Server) -> None:
    store, bucket = versioned
    put(store, KEY, KEY, f"{PREFIX}1/processed.jpg", OTHER)
    store.delete([KEY, f"{PREFIX}1/processed.jpg"])
    put(store, KEY)
    store.delete([KEY])
    assert list(store.list(KEY)) == [], "hidden"
    assert set(store.traces(KEY)) == {KEY}, "and all there"
    assert len(versions(s3_server, bucket)) == 8
    store.erase([KEY, PREFIX])
    assert [one["Key"] for one in versions(s3_server, bucket)] == [OTHER]
    assert list(store.traces(KEY)) == []


def lists_versions(_method: str, path: str) -> bool:
    return "versions" in path


def test_a_store_that_never_heard_of_versions(proxied_s3: S3ObjectStore, fault_proxy: FaultProxy) -> None:
    put(proxied_s3, KEY, OTHER)
    fault_proxy.fail_next(1, 501, "NotImplemented", when=lists_versions)
    proxied_s3.erase([KEY])
    assert list(proxied_s3.list("")) == [OTHER]


def test_who_may_not_list_versions_has_not_erased(proxied_s3: S3ObjectStore, fault_proxy: FaultProxy) -> None:
    put(proxied_s3, KEY)
    fault_proxy.fail_next(1, 403, "AccessDenied", when=lists_versions)
    with pytest.raises(ObjectStoreUnavailable, match="AccessDenied"):
        proxied_s3.erase([KEY])
    fault_proxy.fail_next(1, 403, "AccessDenied", when=lists_versions)
    with pytest.raises(ObjectStoreUnavailable):
        list(proxied_s3.traces(KEY))


def test_a_folder_that_is_gone_is_not_empty(tmp_path: Path) -> None:
    """As when a disk was not mounted."""
    store = LocalObjectStore(tmp_path / "objects")
    put(store, KEY)
    (tmp_path / "objects").rename(tmp_path / "elsewhere")
    with pytest.raises(ObjectStoreUnavailable):
        store.erase([KEY])


@pytest.mark.parametrize("moment", range(1, 7))
def test_an_object_whose_folders_vanish_while_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """As when an image is erased whose result is being stored: it is stored, or it is said that it is not."""
    synced = itertools.count(1)
    sync = os.fsync

    def sync_and_vanish(descriptor: int) -> None:
        sync(descriptor)
        if next(synced) == moment:
            shutil.rmtree(tmp_path / "objects" / "results", ignore_errors=True)

    monkeypatch.setattr("os.fsync", sync_and_vanish)
    store = LocalObjectStore(tmp_path / "objects")
    key = f"{PREFIX}1/processed.jpg"
    try:
        put(store, key)
    except ObjectStoreUnavailable:
        assert list(store.list("")) == []
    put(store, key)
    assert list(store.list("")) == [key]
    assert next(synced) > moment, "or nothing vanished"
