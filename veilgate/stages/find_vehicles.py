"""Finds vehicles, when its model is there. What it finds is reported, never veiled."""

from collections import Counter
from collections.abc import Callable, Sequence

from veilgate.domain.outcomes import Outcome
from veilgate.imaging.picture import Picture
from veilgate.inference.ports import Detector
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.findings import Vehicles

MODEL_MISSING = "model_missing"


class FindVehicles:
    """`detector` is asked for each chunk, because the model may arrive while the worker runs. `threshold` is
    the house's; None leaves it to the model."""

    name = "find_vehicles"
    runs_on = RunsOn.DEVICE

    def __init__(self, detector: Callable[[], Detector | None], *, threshold: float | None) -> None:
        self._detector = detector
        self._threshold = threshold

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        detector = self._detector()
        picture = work[Picture]
        return detector.input_size(picture.width, picture.height) if detector else (0, 0)

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        detector = self._detector()
        if detector is None:
            return [Outcome.skipped(MODEL_MISSING) for _ in works]
        thresholds = [self._threshold_of(work, detector) for work in works]
        found = detector.detect([work[Picture].pixels for work in works], thresholds)
        return [
            Outcome.produced(
                Vehicles(tuple(detections)),
                {
                    "count": len(detections),
                    "threshold": threshold,
                    "counts": dict(Counter(detection.label for detection in detections)),
                    "vehicles": [detection.as_json() for detection in detections],
                },
                model=detector.model_id,
            )
            for detections, threshold in zip(found, thresholds, strict=True)
        ]

    def _threshold_of(self, work: PictureWork, detector: Detector) -> float:
        for asked in (work.options.vehicle_threshold, self._threshold):
            if asked is not None:
                return asked
        return detector.default_threshold
