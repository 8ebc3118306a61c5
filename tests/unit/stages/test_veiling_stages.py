"""From what a model finds to what is veiled: classes, thresholds, the caller's regions, the second look."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.stages.stand_in_stages import Stage, run_all, work_of
from veilgate.domain.detections import Box, Detection
from veilgate.domain.errors import TargetNotOffered
from veilgate.domain.options import UploadOptions
from veilgate.domain.outcomes import NOT_ASKED, Outcome, OutcomeKind
from veilgate.domain.pictures import PictureFormat
from veilgate.imaging.picture import Picture
from veilgate.services.engines.guarded_run import run_guarded
from veilgate.stages.blur_regions import BlurRegions, VeiledPicture
from veilgate.stages.contract import PictureWork
from veilgate.stages.find_faces import FaceSearch, FindFaces
from veilgate.stages.findings import Faces
from veilgate.stages.pipeline import Pipeline, begin, join
from veilgate.stages.verify_veil import VerifyVeil

FACE, PLATE, DOG = (
    Detection("face", 0.9, Box(10, 10, 30, 30)),
    Detection("plate", 0.6, Box(50, 50, 70, 60)),
    Detection("dog", 0.8, Box(60, 10, 80, 30)),
)


def _no_chunk(count: int) -> None:
    raise AssertionError(f"a chunk of {count}, where each picture runs alone")


class Looks:
    """A detector that finds what it is told to, look after look, above the threshold it is given."""

    model_id = "looks"
    default_threshold = 0.2

    def __init__(self, *looks: Sequence[Detection]) -> None:
        self._looks = list(looks)
        self.seen: list[NDArray[np.uint8]] = []

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        self.seen += [picture.copy() for picture in pictures]
        look = self._looks.pop(0)
        return [[one for one in look if one.score >= threshold] for threshold in thresholds]


def noise_work(**options: Any) -> PictureWork:
    pixels = np.random.default_rng(1).integers(0, 256, (100, 100, 3), np.uint8)
    work = replace(work_of("a"), options=UploadOptions(**options))
    work.products[Picture] = Picture(pixels, None, PictureFormat.JPEG)
    return work


def search_of(*looks: Sequence[Detection], veil: frozenset[str] = frozenset({"face", "plate"})) -> FaceSearch:
    return FaceSearch(Looks(*looks), threshold=0.5, veil_labels=veil)


def find(work: PictureWork, search: FaceSearch) -> Outcome:
    (outcome,) = run_guarded(FindFaces(search), [work], did_not_fit=_no_chunk)
    if isinstance(outcome.product, Faces):
        work.products[Faces] = outcome.product
    return outcome


def blur(work: PictureWork) -> Outcome:
    (outcome,) = run_guarded(BlurRegions(), [work], did_not_fit=_no_chunk)
    assert isinstance(outcome.product, VeiledPicture), outcome.error
    work.products[VeiledPicture] = outcome.product
    return outcome


def test_classes_that_are_not_veiled_are_reported() -> None:
    outcome = find(noise_work(), search_of([FACE, PLATE, DOG]))
    assert isinstance(outcome.product, Faces)
    assert outcome.product.detections == (FACE, PLATE)
    assert outcome.report["targets"] == ["face", "plate"]
    assert outcome.report["also_counts"] == {"dog": 1}


def test_a_caller_may_ask_for_fewer_classes() -> None:
    outcome = find(noise_work(blur_targets=("plate",)), search_of([FACE, PLATE, DOG]))
    assert isinstance(outcome.product, Faces)
    assert outcome.product.detections == (PLATE,)
    assert outcome.report["also_counts"] == {"dog": 1, "face": 1}


def test_a_class_that_the_model_does_not_veil_fails_the_picture() -> None:
    outcome = find(noise_work(blur_targets=("face", "dog")), search_of([FACE]))
    assert isinstance(outcome.error, TargetNotOffered)
    assert not outcome.error.retryable


def test_a_threshold_of_the_caller_wins() -> None:
    assert find(noise_work(), search_of([PLATE])).report["count"] == 1
    assert find(noise_work(face_threshold=0.7), search_of([PLATE])).report["count"] == 0


def test_kept_small_and_drawn_regions_are_reported_and_done() -> None:
    work = noise_work(keep_regions=(Box(0, 0, 40, 40),), extra_regions=(Box(80.5, 80, 90, 90),))
    before = work[Picture].pixels.copy()
    find(work, search_of([FACE, PLATE]))
    report = blur(work).report
    changed = np.any(work[Picture].pixels != before, axis=2)
    assert [one["label"] for one in report["kept"]] == ["face"]
    assert len(report["regions"]) == 1
    assert report["extra_regions"] == [[80, 80, 90, 90]], "whole pixels, not widened"
    assert not changed[10:30, 10:30].any()
    assert changed[50:60, 50:70].mean() > 0.9
    assert changed[80:90, 80:90].mean() > 0.9
    assert not changed[75:79].any(), "exactly what was drawn"


def test_a_region_drawn_over_a_kept_one_is_veiled() -> None:
    work = noise_work(keep_regions=(Box(0, 0, 40, 40),), extra_regions=(Box(10, 10, 30, 30),))
    before = work[Picture].pixels.copy()
    find(work, search_of([FACE]))
    blur(work)
    assert np.any(work[Picture].pixels[10:30, 10:30] != before[10:30, 10:30], axis=2).mean() > 0.9


def look_again(work: PictureWork, search: FaceSearch) -> Outcome:
    find(work, search)
    blur(work)
    (outcome,) = run_guarded(VerifyVeil(search), [work], did_not_fit=_no_chunk)
    return outcome


def test_what_the_first_look_missed_is_veiled_as_asked() -> None:
    work = noise_work(verify=True)
    missed = Detection("face", 0.8, Box(60, 60, 90, 90))
    before = work[Picture].pixels.copy()
    outcome = look_again(work, search_of([FACE], [missed, DOG]))
    assert outcome.report["found"] == 1
    assert len(outcome.report["missed_before"]) == 1
    assert outcome.report["veiled_again"] == []
    assert np.any(work[Picture].pixels[60:90, 60:90] != before[60:90, 60:90], axis=2).mean() > 0.9


def test_a_veil_that_is_taken_for_a_face_becomes_plain() -> None:
    work = noise_work(verify=True)
    outcome = look_again(work, search_of([FACE], [FACE]))
    assert outcome.report["missed_before"] == []
    assert len(outcome.report["veiled_again"]) == 1
    assert np.ptp(work[Picture].pixels[11:29, 11:29].reshape(-1, 3), axis=0).max() == 0


def test_the_second_look_sees_the_veiled_picture_and_spares_what_is_kept() -> None:
    work = noise_work(verify=True, keep_regions=(Box(0, 0, 40, 40),))
    looks = Looks([PLATE, FACE], [FACE])
    search = FaceSearch(looks, threshold=0.5, veil_labels=frozenset({"face", "plate"}))
    outcome = look_again(work, search)
    first, second = looks.seen
    assert np.any(first[50:60, 50:70] != second[50:60, 50:70])
    assert outcome.report["found"] == 0
    assert np.array_equal(work[Picture].pixels[10:30, 10:30], first[10:30, 10:30])


@pytest.mark.parametrize("asked", [True, False])
def test_a_stage_that_nobody_asked_for_is_no_part_of_the_pipeline(asked: bool) -> None:
    first, optional, last = Stage("first"), Stage("optional"), Stage("last")
    begun = begin(first)
    looked = begun.then(optional, essential=True, when=lambda _work: asked)
    pipeline = Pipeline(join(begun, looked).then(last, essential=True))
    listener = run_all(pipeline, work_of("a"))
    names = ["first", "optional", "last"] if asked else ["first", "last"]
    end = listener.ends["a"]
    assert list(end.outcomes) == names
    assert [report.stage for report in listener.reports] == names
    assert all(outcome.reason != NOT_ASKED for outcome in end.outcomes.values())
    assert end.outcomes["last"].kind is OutcomeKind.PRODUCED


def test_what_an_asked_stage_fails_at_is_not_shown() -> None:
    def refuse(_work: PictureWork) -> Outcome:
        raise TargetNotOffered

    first, optional, last = Stage("first"), Stage("optional", refuse), Stage("last")
    begun = begin(first)
    looked = begun.then(optional, essential=True, when=lambda _work: True)
    pipeline = Pipeline(join(begun, looked).then(last, essential=True))
    listener = run_all(pipeline, work_of("a"))
    assert isinstance(listener.ends["a"].error, TargetNotOffered)
    assert last.chunks == []
