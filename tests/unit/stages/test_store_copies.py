"""The last stage: a claim's copies, and what the claims before it have left."""

from pathlib import Path

import numpy as np

from tests.unit.stages.stand_in_stages import work_of
from veilgate.domain.pictures import PictureFormat
from veilgate.imaging.picture import Picture
from veilgate.stages.blur_regions import VeiledPicture
from veilgate.stages.store_copies import StoreCopies
from veilgate.storage.local import LocalObjectStore


def stored_by(store: LocalObjectStore, *, fence: int) -> set[str]:
    work = work_of("a", fence=fence)
    picture = Picture(np.zeros((60, 80, 3), np.uint8), None, PictureFormat.JPEG)
    work.products[VeiledPicture] = VeiledPicture(picture, (), picture.pixels)
    StoreCopies(store).run([work])
    return set(store.list("results/"))


def test_copies_go_below_the_fence(tmp_path: Path) -> None:
    names = ("processed.jpg", "thumbnail-1024.jpg", "thumbnail-320.jpg")
    assert stored_by(LocalObjectStore(tmp_path), fence=1) == {f"results/a/1/{name}" for name in names}


def test_what_earlier_claims_left_is_gone_before_the_end_is_recorded(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    for key in ("results/a/1/processed.jpg", "results/a/2/thumbnail-320.jpg", "results/ab/1/processed.jpg"):
        store.put(key, b"left", media_type="image/jpeg")
    keys = stored_by(store, fence=3)
    assert {key.rsplit("/", 1)[0] for key in keys} == {"results/a/3", "results/ab/1"}


def test_a_zombie_leaves_the_files_of_those_after_it(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    store.put("results/a/12/processed.jpg", b"newer", media_type="image/jpeg")
    assert "results/a/12/processed.jpg" in stored_by(store, fence=2)
