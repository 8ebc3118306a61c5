"""Adding a stage as docs/extending.md says: one small class, one line in the tree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.unit.stages.stand_in_stages import Stage, run_all, work_of
from veilgate.domain.outcomes import Outcome
from veilgate.domain.pictures import PictureFormat
from veilgate.imaging.picture import Picture
from veilgate.stages.blur_regions import VeiledPicture
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.pipeline import Pipeline, begin


@dataclass(frozen=True, slots=True)
class Brightness:
    mean: float


class MeasureBrightness:
    name = "measure_brightness"
    runs_on = RunsOn.CPU

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        return work.header.width, work.header.height

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        means = [float(work[VeiledPicture].picture.pixels.mean()) for work in works]
        return [Outcome.produced(Brightness(mean), {"mean": round(mean, 1)}) for mean in means]


def test_a_stage_of_our_own_runs_in_the_tree() -> None:
    pixels = np.full((10, 10, 3), 120, np.uint8)
    product = VeiledPicture(Picture(pixels, None, PictureFormat.JPEG), regions=(), view=pixels)
    veiled = begin(Stage("blur_regions", lambda _work: Outcome.produced(product)), essential=True)
    heard = run_all(Pipeline(veiled.then(MeasureBrightness())), work_of("a"))
    end = heard.ends["a"]
    assert end.outcomes["measure_brightness"].report == {"mean": 120.0}
    assert end.work[Brightness] == Brightness(120.0)
    assert heard.stages_of("a") == ["blur_regions", "measure_brightness"]
