"""Makes the faces unrecognisable, in the decoded picture itself: from here on there are no others."""

from collections.abc import Sequence
from dataclasses import dataclass

from veilgate.domain.outcomes import Outcome
from veilgate.imaging.picture import Picture
from veilgate.imaging.redact import veil_into
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.findings import Faces


@dataclass(frozen=True, slots=True)
class VeiledPicture:
    """The only kind of picture that may be stored, shown or sent on."""

    picture: Picture


class BlurRegions:
    name = "blur_regions"
    runs_on = RunsOn.CPU

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        return work.header.width, work.header.height

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        return [self._run_one(work) for work in works]

    def _run_one(self, work: PictureWork) -> Outcome:
        picture, policy = work[Picture], work.policy
        # In place, which spares a copy of every picture: the join before this stage waits for whoever
        # still reads the pixels.
        veiled = veil_into(picture.pixels, [face.box for face in work[Faces].detections], policy)
        report = {
            "style": policy.style,
            "shape": policy.shape,
            "mask_scale": policy.mask_scale,
            "regions": [box.as_list() for box in veiled],
        }
        return Outcome.produced(VeiledPicture(picture), report)
