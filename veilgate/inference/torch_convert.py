"""The process that turns a checkpoint into an OpenVINO graph, once: a worker on a CPU never loads torch.

`python -m veilgate.inference.torch_convert CHECKPOINT SHA256 FOLDER PARENT [NETWORK]`: an Ultralytics
checkpoint, or torchvision's weights of that network.
"""

import ctypes
import os
import signal
import sys
import warnings
from pathlib import Path

from veilgate.inference.torch_conversions import LONGEST_CONVERSION_S, REFUSAL_FILE, REFUSED_EXIT

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> int:
    """Fill the folder; exits with `REFUSED_EXIT`, and the reason in a file there, for a wrong checkpoint."""
    source, sha256, folder, parent, *network = arguments
    _end_with(int(parent))
    # Only now, for it takes seconds in which the parent may die.
    from veilgate.inference.torch_checkpoint import RefusedCheckpoint
    from veilgate.inference.torch_export import export

    warnings.simplefilter("ignore")  # tracing is announced to go, and OpenVINO traces
    try:
        if network:
            # Here, because torchvision's networks bring along a compiler that makes folders of its own.
            from veilgate.inference.torch_features import export_features

            export_features(Path(source), sha256, Path(folder), network=network[0])
        else:
            export(Path(source), sha256, Path(folder))
    except RefusedCheckpoint as error:
        (Path(folder) / REFUSAL_FILE).write_text(str(error), encoding="utf-8")
        return REFUSED_EXIT
    return 0


def _end_with(parent: int) -> None:
    """What nobody waits for must not go on: a successor may be at work in the same folder."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("whoever wanted this conversion is gone")
    signal.alarm(LONGEST_CONVERSION_S)  # where there is no such call, at least in the end


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
