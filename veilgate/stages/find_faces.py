"""Finds faces. Essential: a picture whose faces were not looked for is never shown."""

from collections.abc import Sequence

from veilgate.domain.outcomes import Outcome
from veilgate.imaging.picture import Picture
from veilgate.inference.ports import Detector
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.findings import Faces


class FindFaces:
    name = "find_faces"
    runs_on = RunsOn.DEVICE

    def __init__(self, detector: Detector, *, threshold: float) -> None:
        self._detector = detector
        self._threshold = threshold

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        picture = work[Picture]
        return self._detector.input_size(picture.width, picture.height)

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        thresholds = [self._threshold_of(work) for work in works]
        found = self._detector.detect([work[Picture].pixels for work in works], thresholds)
        return [
            Outcome.produced(
                Faces(tuple(detections)),
                {
                    "count": len(detections),
                    "threshold": threshold,
                    "faces": [detection.as_json() for detection in detections],
                },
                model=self._detector.model_id,
            )
            for detections, threshold in zip(found, thresholds, strict=True)
        ]

    def _threshold_of(self, work: PictureWork) -> float:
        asked = work.policy.face_threshold
        return self._threshold if asked is None else asked
