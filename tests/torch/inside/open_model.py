"""Opens a model as a worker does: `python -m tests.torch.inside.open_model FILE FOLDER`.

Prints its error, whether torch was loaded on the way, how long it took, and what it finds in one picture.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from tests.torch.inside.scenes import make_scene
from veilgate.domain.errors import VeilgateError
from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.manifest import Manifest, ModelKind
from veilgate.inference.models import load_model
from veilgate.telemetry.logging import configure_logging


def main(path: str, folder: Path) -> None:
    configure_logging("INFO", process="suite")
    answer: dict[str, object] = {"error": None, "found": []}
    started = time.monotonic()
    try:
        spec = Manifest(()).resolve(path, ModelKind.FACES)
        detector = load_model(spec, folder=folder, options=DetectorOptions(longest_side_px=320))
        scene = make_scene(np.random.default_rng(7), width=320, height=240)
        answer["found"] = [found.label for found in detector.detect([scene.pixels], [0.3])[0]]
    except VeilgateError as error:
        answer["error"] = error.message
    answer |= {"took_s": time.monotonic() - started, "torch": "torch" in sys.modules}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
