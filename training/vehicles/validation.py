"""How good the network is so far: on pictures it does not learn from, through the product's own code."""

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from training.pictures import PackedPictures
from training.vehicles.export import write_onnx
from training.vehicles.labels import CLASSES, UNTYPED, Labelled
from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.model_spec import ModelKind
from veilgate.inference.models import load_model
from veilgate.services.evaluation.evaluation import Part, evaluate
from veilgate.services.evaluation.labelled_pictures import UNLABELLED, LabelledPicture
from veilgate.services.evaluation.looking import Contestant
from veilgate.wiring.resources import models_manifest

# Those that the shipped model is judged by; the others are rare, or come from one source.
_JUDGED_BY = ("car", "truck", "bus", "motorcycle")


class Validation:
    """The validation part of the labelled pictures."""

    def __init__(self, pictures: PackedPictures, labels: Sequence[Labelled]) -> None:
        chosen = [position for position, one in enumerate(labels) if one.is_for_validation]
        if not chosen:
            raise SystemExit("no picture is kept for validation: too few, or see SOURCES in labels.py")
        self._shown = {labels[position].name: pictures[position] for position in chosen}
        self._pictures = [_as_evaluated(labels[position]) for position in chosen]
        shown = {name for picture in self._pictures for name in picture.labels}
        self._classes = [name for name in _JUDGED_BY if name in shown]

    def measure(self, network: nn.Module) -> dict[str, float]:
        """AP50, the mean over the four classes: of all pictures, and of openimages alone."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "vehicles-v1.onnx"  # by which the manifest knows it
            write_onnx(copy.deepcopy(network), path)
            parts = {part.source: part for part in self.measure_file(path)}
        means = {"ap50": parts["all"], "ap50_openimages": parts.get("openimages", parts["all"])}
        return {name: part.qualities[0].mean_ap50 or 0.0 for name, part in means.items()}

    def measure_file(self, path: Path) -> Sequence[Part]:
        """All that is known of a file's finds, by source."""
        spec = models_manifest().resolve(str(path), ModelKind.VEHICLES)
        detector = load_model(spec, folder=path.parent, options=DetectorOptions())
        return evaluate(
            [Contestant(detector, CLASSES)],
            self._pictures,
            read=lambda picture: np.ascontiguousarray(self._shown[picture.path.name]),
            classes=self._classes,
        ).parts


def _as_evaluated(labelled: Labelled) -> LabelledPicture:
    names = tuple(UNLABELLED if kind == UNTYPED else CLASSES[kind] for kind in labelled.classes)
    return LabelledPicture(Path(labelled.name), names, labelled.boxes.astype(np.float64))
