"""Opens an embedder as a worker does: `python -m tests.torch.inside.open_weights SETTING MANIFEST FOLDER`.

Prints its error, whether torch was loaded on the way, and what it makes of one picture.
"""

import json
import sys
from pathlib import Path

import numpy as np

from tests.torch.inside.scenes import make_scene
from veilgate.domain.errors import VeilgateError
from veilgate.inference.embedder_models import EmbedderChoice, open_embedder
from veilgate.telemetry.logging import configure_logging


def main(setting: str, manifest: Path, folder: Path) -> None:
    configure_logging("INFO", process="suite")
    answer: dict[str, object] = {"error": None, "row": []}
    try:
        embedder = open_embedder(EmbedderChoice(setting), manifest_path=manifest, fetched_folder=folder)
        scene = make_scene(np.random.default_rng(7), width=320, height=240)
        answer |= {"row": embedder.embed([scene.pixels])[0].tolist(), "model_id": embedder.model_id}
    except VeilgateError as error:
        answer["error"] = error.message
    answer["torch"] = "torch" in sys.modules
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
