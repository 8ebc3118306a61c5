"""Saves torchvision's networks as their publisher does, with weights that mean nothing:
`python -m tests.torch.inside.make_weights FOLDER`. Prints what torch makes of a picture, by network.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision

from tests.torch.inside.scenes import make_scene
from veilgate.inference.embedders.network_input import network_input, unit_rows
from veilgate.inference.embedding_spec import EmbeddingSpec

# Of the families that the manifest names, and the layer that each ends in.
CLASSIFIERS = {"efficientnet_b0": "classifier", "resnet18": "fc"}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    scene = make_scene(np.random.default_rng(7), width=320, height=240)
    taken = torch.from_numpy(network_input(scene.pixels, (224, 224), EmbeddingSpec()))
    answers = {}
    for name, classifier in CLASSIFIERS.items():
        torch.manual_seed(3)
        network = torchvision.models.get_model(name, weights=None).eval()
        torch.save(network.state_dict(), folder / f"{name}.pth")
        setattr(network, classifier, torch.nn.Identity())
        with torch.inference_mode():
            answers[name] = unit_rows(network(taken).numpy())[0].tolist()
    torch.save({"epoch": 3}, folder / "epoch.pth")
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
