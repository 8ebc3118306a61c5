"""Finding vehicles: whose threshold counts, and what is said while there is no model."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.stages.stand_in_stages import work_of
from veilgate.domain.detections import Box, Detection
from veilgate.domain.options import UploadOptions
from veilgate.domain.outcomes import OutcomeKind
from veilgate.domain.pictures import PictureFormat
from veilgate.imaging.picture import Picture
from veilgate.stages.contract import PictureWork
from veilgate.stages.find_vehicles import FindVehicles


class Cars:
    """Finds four in every picture, scored 0.2, 0.4, 0.6 and 0.8."""

    model_id = "cars"
    default_threshold = 0.5

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        cars = [Detection("car", score, Box(0, 0, 8, 8)) for score in (0.8, 0.6, 0.4, 0.2)]
        return [
            [car for car in cars if car.score > threshold]
            for _, threshold in zip(pictures, thresholds, strict=True)
        ]


def work(asked: float | None) -> PictureWork:
    made = replace(work_of("a"), options=UploadOptions(vehicle_threshold=asked))
    made.products[Picture] = Picture(np.zeros((8, 8, 3), np.uint8), None, PictureFormat.JPEG)
    return made


@pytest.mark.parametrize(
    ("of_the_house", "asked", "counts"),
    [(None, None, 0.5), (0.3, None, 0.3), (None, 0.7, 0.7), (0.3, 0.7, 0.7)],
)
def test_the_caller_s_threshold_counts_then_the_house_s_then_the_model_s(
    of_the_house: float | None, asked: float | None, counts: float
) -> None:
    (outcome,) = FindVehicles(Cars, threshold=of_the_house).run([work(asked)])
    assert outcome.report["threshold"] == counts
    assert outcome.report["count"] == {0.5: 2, 0.3: 3, 0.7: 1}[counts]


def test_pictures_of_one_chunk_keep_their_own_thresholds() -> None:
    outcomes = FindVehicles(Cars, threshold=None).run([work(0.1), work(None), work(0.9)])
    assert [outcome.report["counts"] for outcome in outcomes] == [{"car": 4}, {"car": 2}, {}]


def test_without_a_model_it_is_skipped_and_says_why() -> None:
    stage = FindVehicles(lambda: None, threshold=None)
    assert stage.chunk_size_wh(work(None)) == (0, 0)
    (outcome,) = stage.run([work(0.1)])
    assert (outcome.kind, outcome.reason) == (OutcomeKind.SKIPPED, "model_missing")
