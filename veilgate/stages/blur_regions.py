"""Makes faces unrecognisable, in the decoded picture itself: from here on there are no others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from veilgate.domain.detections import Box, Detection
from veilgate.domain.outcomes import Outcome
from veilgate.domain.redaction import MaskShape
from veilgate.imaging.picture import Picture
from veilgate.imaging.redact import veil_into
from veilgate.imaging.regions import choose_regions
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.findings import Faces


@dataclass(frozen=True, slots=True)
class VeiledPicture:
    """The only kind of picture that may be stored, shown or sent on; `regions` are the padded boxes."""

    picture: Picture
    regions: tuple[Box, ...]


class BlurRegions:
    name = "blur_regions"
    runs_on = RunsOn.CPU

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        return work.header.width, work.header.height

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        return [self._run_one(work) for work in works]

    def _run_one(self, work: PictureWork) -> Outcome:
        # In place, which spares a copy of every picture: the join before this stage waits for whoever
        # still reads the pixels.
        picture, options = work[Picture], work.options
        choice = choose_regions(
            work[Faces].detections, options=options, size_wh=(picture.width, picture.height)
        )
        pixels, alpha = picture.pixels, picture.alpha
        veiled = veil_into(pixels, [face.box for face in choice.veiled], options.policy, alpha=alpha)
        # What a caller has drawn is meant as it is drawn.
        exact = replace(options.policy, mask_scale=1.0, shape=MaskShape.BOX)
        drawn = veil_into(pixels, options.extra_regions, exact, alpha=alpha)
        report = {
            "style": options.blur_style,
            "shape": options.mask_shape,
            "mask_scale": options.mask_scale,
            "regions": [box.as_list() for box in veiled],
            "extra_regions": [box.as_list() for box in drawn],
            "kept": _listed(choice.kept),
            "too_small": _listed(choice.too_small),
            "too_large": _listed(choice.too_large),
        }
        return Outcome.produced(VeiledPicture(picture, (*veiled, *drawn)), report)


def _listed(detections: Sequence[Detection]) -> list[dict[str, object]]:
    return [one.as_json() for one in detections]
