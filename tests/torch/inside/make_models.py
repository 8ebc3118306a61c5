"""Makes the models of the suite: `python -m tests.torch.inside.make_models FOLDER`.

One is trained for some seconds, so that its boxes are real; it is saved as a training saves its best.
"""

import copy
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.torch.inside.scenes import NAMES, make_scene
from veilgate.inference.torch_checkpoint import import_ultralytics

tasks = import_ultralytics()
_STEPS = 220
_BATCH = 8
_SIDE_PX = 160
# YOLOv8's own blocks, at an eighth of its width and two of its three levels: 0.2 million weights.
_LAYERS: dict[str, Any] = {
    "nc": len(NAMES),
    "scales": {"n": [0.33, 0.125, 256]},
    "scale": "n",
    "backbone": [
        [-1, 1, "Conv", [64, 3, 2]],
        [-1, 1, "Conv", [128, 3, 2]],
        [-1, 1, "C2f", [128, True]],
        [-1, 1, "Conv", [256, 3, 2]],
        [-1, 1, "C2f", [256, True]],
        [-1, 1, "Conv", [512, 3, 2]],
        [-1, 1, "C2f", [512, True]],
        [-1, 1, "SPPF", [512, 5]],
    ],
    "head": [
        [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
        [[-1, 4], 1, "Concat", [1]],
        [-1, 1, "C2f", [256]],
        [-1, 1, "Conv", [256, 3, 2]],
        [[-1, 7], 1, "Concat", [1]],
        [-1, 1, "C2f", [512]],
    ],
}


def main(folder: Path) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # more would spin for each other where other work is going on
    warnings.simplefilter("ignore")
    network = tasks.DetectionModel(_with_head("Detect", ["nc"]), ch=3, verbose=False)
    _train(network)
    _save_as_training_does(network, folder / "Car Face Blur Model.pt")
    _export_onnx(copy.deepcopy(network), folder / "faces.onnx")
    torch.save(network.state_dict(), folder / "state_dict.pt")
    torch.save({"model": torch.nn.Conv2d(3, 8, 1)}, folder / "plain torch.pt")
    torch.save({"epoch": 3}, folder / "empty.pt")
    torch.jit.trace(torch.nn.Conv2d(3, 8, 1), torch.zeros(1, 3, 8, 8)).save(folder / "torchscript.pt")
    for name, model in _other_kinds().items():
        _save_as_training_does(model, folder / f"{name}.pt")
    sys.stdout.write(json.dumps(sorted(path.name for path in folder.iterdir())))


def _train(network: Any) -> None:
    random = np.random.default_rng(0)
    network.names = NAMES
    network.args = _arguments()
    network.train()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.1  # Ultralytics' 0.03 needs more steps than there are here
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.003)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.006, total_steps=_STEPS)
    for _ in range(_STEPS):
        loss, _parts = network.loss(_batch(random))
        optimiser.zero_grad()
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimiser.step()
        rate.step()
    network.eval()


def _batch(random: np.random.Generator) -> dict[str, Any]:
    scenes = [make_scene(random, width=_SIDE_PX, height=_SIDE_PX) for _ in range(_BATCH)]
    pixels = np.stack([scene.pixels.transpose(2, 0, 1) for scene in scenes])
    boxes = np.array([box for scene in scenes for box in scene.boxes_xyxy], np.float32) / _SIDE_PX
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return {
        "img": torch.from_numpy(pixels).float() / 255,
        "batch_idx": torch.tensor(
            [index for index, scene in enumerate(scenes) for _ in scene.classes]
        ).float(),
        "cls": torch.tensor([[kind] for scene in scenes for kind in scene.classes]).float(),
        "bboxes": torch.from_numpy(np.concatenate([centres, sizes], axis=1)),
    }


def _arguments() -> Any:
    from ultralytics.utils import IterableSimpleNamespace

    return IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5, model="yolov8n.pt")


def _save_as_training_does(network: Any, path: Path) -> None:
    """What Ultralytics writes as best.pt, with everything that is in it beside the network."""
    smoothed = copy.deepcopy(network).half()
    checkpoint = {
        "epoch": -1,
        "best_fitness": np.float64(0.5),
        "model": None,
        "ema": smoothed,
        "updates": None,
        "optimizer": None,
        "scaler": {},
        "train_args": {"task": "detect", "save_dir": Path("runs"), "imgsz": 640},
        "train_metrics": {"metrics/mAP50(B)": np.float64(0.9), "curve": np.zeros(3)},
        "date": "2024-01-01T00:00:00",
        "version": "8.3.0",
    }
    torch.save(checkpoint, path)


def _export_onnx(network: Any, path: Path) -> None:
    """As Ultralytics' own export writes it, metadata included, but without its checks for updates."""
    import onnx

    network.fuse(verbose=False)
    head = network.model[-1]
    head.export, head.dynamic = True, True
    torch.onnx.export(
        network,
        torch.zeros(1, 3, 96, 160),
        path,
        dynamo=False,
        opset_version=17,
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": {0: "batch", 2: "height", 3: "width"}, "output0": {0: "batch", 2: "anchors"}},
    )
    graph = onnx.load(path)
    said = {"task": "detect", "names": str(NAMES), "stride": str(int(network.stride.max()))}
    for key, value in said.items():
        graph.metadata_props.add(key=key, value=value)
    onnx.save(graph, path)


def _other_kinds() -> dict[str, Any]:
    """Models that find no boxes, and one whose names do not fit its classes."""
    misnamed = tasks.DetectionModel(_with_head("Detect", ["nc"]), ch=3, verbose=False)
    misnamed.names = {0: "face"}
    classify = {**_LAYERS, "head": [[-1, 1, "Classify", ["nc"]]]}
    return {
        "segmentation": tasks.SegmentationModel(_with_head("Segment", ["nc", 8, 16]), ch=3, verbose=False),
        "pose": tasks.PoseModel(
            {**_with_head("Pose", ["nc", [4, 3]]), "kpt_shape": [4, 3]}, ch=3, verbose=False
        ),
        "classify": tasks.ClassificationModel(classify, ch=3, verbose=False),
        "misnamed": misnamed,
    }


def _with_head(name: str, arguments: list[Any]) -> dict[str, Any]:
    return {**copy.deepcopy(_LAYERS), "head": [*_LAYERS["head"], [[10, 13], 1, name, arguments]]}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
