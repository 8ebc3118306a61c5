"""Makes faces unrecognisable, in the decoded picture itself: from here on there are no others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box, Detection
from veilgate.domain.outcomes import Outcome
from veilgate.domain.redaction import BlurStyle, MaskShape, RedactionPolicy
from veilgate.imaging.likeness import likeness_view
from veilgate.imaging.picture import Picture
from veilgate.imaging.redact import veil_into
from veilgate.imaging.regions import choose_regions
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.findings import Faces


@dataclass(frozen=True, slots=True, eq=False)
class VeiledPicture:
    """The only kind of picture that may be stored, shown or sent on; `regions` are the padded boxes.

    `view` is what its likeness is measured by: small, and veiled in mosaic whatever style is shown, so that
    one picture in two styles is found as one.
    """

    picture: Picture
    regions: tuple[Box, ...]
    view: NDArray[np.uint8]


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
        faces = [face.box for face in choice.veiled]
        mosaic = replace(options.policy, style=BlurStyle.MOSAIC)
        veiled, drawn = _veil(picture, faces, options.extra_regions, mosaic)
        view = likeness_view(picture.pixels, alpha=picture.alpha)
        if options.policy != mosaic:
            # Over the mosaic: a veil is made from less, never from more, than without it.
            _veil(picture, faces, options.extra_regions, options.policy)
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
        return Outcome.produced(VeiledPicture(picture, (*veiled, *drawn), view), report)


def _veil(
    picture: Picture, faces: Sequence[Box], drawn: Sequence[Box], policy: RedactionPolicy
) -> tuple[list[Box], list[Box]]:
    """Returns the padded boxes of both."""
    # What a caller has drawn is meant as it is drawn.
    exact = replace(policy, mask_scale=1.0, shape=MaskShape.BOX)
    return (
        veil_into(picture.pixels, faces, policy, alpha=picture.alpha),
        veil_into(picture.pixels, drawn, exact, alpha=picture.alpha),
    )


def _listed(detections: Sequence[Detection]) -> list[dict[str, object]]:
    return [one.as_json() for one in detections]
