"""One model on every runtime: `python -m tests.torch.inside.runtimes PT ONNX FOLDER`.

Prints, for each runtime and picture, label, score and box of what was found above 0.25.
"""

import json
import sys
from pathlib import Path

import veilgate.inference.without_telemetry  # noqa: F401 - before openvino

# isort: split
import numpy as np
import openvino as ov
from numpy.typing import NDArray

from tests.torch.inside.scenes import make_scene
from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.detectors.yolo import Yolo, YoloGeometry, YoloLayout
from veilgate.inference.manifest import Manifest, ModelKind
from veilgate.inference.models import load_model
from veilgate.inference.ports import Detector, Session
from veilgate.inference.torch_checkpoint import read_checkpoint
from veilgate.inference.torch_runtime import TorchSession

SIZES_WH = ((320, 240), (200, 300), (97, 160), (512, 512), (448, 224))
_LONGEST_SIDE_PX = 320
_THRESHOLD = 0.25


class ExactOpenVino:
    """A graph in float32, where the house takes what the processor is quickest with."""

    def __init__(self, path: Path) -> None:
        self._compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [np.array(self._compiled(batch)[0])]


def main(checkpoint: Path, onnx: Path, folder: Path) -> None:
    (graph,) = folder.glob("converted/*/model.xml")
    read = checkpoint.read_bytes()
    detectors = {
        "torch": yolo(TorchSession(read_checkpoint(read), device="cpu", half=False)),
        # What a GPU computes, on the CPU.
        "torch_half": yolo(TorchSession(read_checkpoint(read), device="cpu", half=True)),
        "converted": yolo(ExactOpenVino(graph)),
        "onnx": yolo(ExactOpenVino(onnx)),
        "house_pt": of_the_house(checkpoint, folder),
        "house_onnx": of_the_house(onnx, folder),
    }
    random = np.random.default_rng(1)
    pictures = [make_scene(random, width=wide, height=high, most=6).pixels for wide, high in SIZES_WH]
    sys.stdout.write(json.dumps({name: findings(one, pictures) for name, one in detectors.items()}))


def yolo(session: Session) -> Detector:
    return Yolo(
        session,
        model_id="tiny",
        default_threshold=0.25,
        labels={0: "face", 1: "car"},
        # Two pictures a run, as on a GPU.
        geometry=YoloGeometry(YoloLayout.RAW, None, _LONGEST_SIDE_PX, stride_px=32, batch=2),
    )


def of_the_house(path: Path, folder: Path) -> Detector:
    spec = Manifest(()).resolve(str(path), ModelKind.FACES)
    return load_model(spec, folder=folder, options=DetectorOptions(longest_side_px=_LONGEST_SIDE_PX))


def findings(detector: Detector, pictures: list[NDArray[np.uint8]]) -> list[list[list[object]]]:
    found = detector.detect([*pictures, pictures[0]], [_THRESHOLD] * (len(pictures) + 1))
    assert found[0] == found[-1], "the same picture twice, with different boxes"
    return [[[one.label, one.score, *one.box.as_list()] for one in of_picture] for of_picture in found[:-1]]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
