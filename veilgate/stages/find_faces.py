"""Finds what must be veiled: faces, and whatever else the face model knows and the operator wants veiled.

Essential: a picture in which nobody looked for faces is never shown.
"""

from collections import Counter
from collections.abc import Sequence

from veilgate.domain.detections import Detection
from veilgate.domain.errors import TargetNotOffered
from veilgate.domain.outcomes import Outcome
from veilgate.imaging.picture import Picture
from veilgate.inference.ports import Detector
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.findings import Faces
from veilgate.telemetry.failpoints import failpoint


class FaceSearch:
    """The face model with the house's defaults: what FindFaces and VerifyVeil share."""

    def __init__(self, detector: Detector, *, threshold: float, veil_labels: frozenset[str]) -> None:
        self._detector = detector
        self._threshold = threshold
        self._veil_labels = veil_labels

    @property
    def model_id(self) -> str:
        return self._detector.model_id

    def input_size_wh(self, work: PictureWork) -> tuple[int, int]:
        picture = work[Picture]
        return self._detector.input_size(picture.width, picture.height)

    def look_at(self, works: Sequence[PictureWork]) -> list[list[Detection]]:
        """All that the model finds in each picture as it is now."""
        for work in works:
            failpoint("in_infer", work.sha256)
        thresholds = [self.threshold_of(work) for work in works]
        return self._detector.detect([work[Picture].pixels for work in works], thresholds)

    def threshold_of(self, work: PictureWork) -> float:
        asked = work.options.face_threshold
        return self._threshold if asked is None else asked

    def targets_of(self, work: PictureWork) -> frozenset[str]:
        """The classes to veil. Raises `TargetNotOffered`: whoever asks for more must not get less."""
        if work.options.blur_targets is None:
            return self._veil_labels
        targets = frozenset(work.options.blur_targets)
        if unknown := sorted(targets - self._veil_labels):
            raise TargetNotOffered(f"The face model that is loaded veils no {unknown[0]!r}.")
        return targets


class FindFaces:
    name = "find_faces"
    runs_on = RunsOn.DEVICE

    def __init__(self, search: FaceSearch) -> None:
        self._search = search

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        return self._search.input_size_wh(work)

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        targets = [self._search.targets_of(work) for work in works]
        found = self._search.look_at(works)
        return [self._outcome(*one) for one in zip(works, targets, found, strict=True)]

    def _outcome(
        self, work: PictureWork, targets: frozenset[str], detections: Sequence[Detection]
    ) -> Outcome:
        faces = tuple(one for one in detections if one.label in targets)
        others = [one for one in detections if one.label not in targets]
        report = {
            "count": len(faces),
            "threshold": self._search.threshold_of(work),
            "targets": sorted(targets),
            "faces": [one.as_json() for one in faces],
            "also_found": [one.as_json() for one in others],
            "also_counts": dict(Counter(one.label for one in others)),
        }
        return Outcome.produced(Faces(faces), report, model=self._search.model_id)
