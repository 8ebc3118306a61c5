"""Reads each file and prints its class names, or why it is refused."""

import json
import sys
from pathlib import Path

from veilgate.inference.torch_checkpoint import RefusedCheckpoint, read_checkpoint


def outcome(path: Path) -> str:
    try:
        return "names: " + ", ".join(read_checkpoint(path.read_bytes()).names)
    except RefusedCheckpoint as error:
        return str(error)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: outcome(Path(name)) for name in sys.argv[1:]}))
