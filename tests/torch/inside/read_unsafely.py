"""Reads a pickle as careless software does: what the suite's hostile files are worth."""

import contextlib
import json
import pickle
import sys
from pathlib import Path

if __name__ == "__main__":
    with contextlib.suppress(Exception):
        pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301
    sys.stdout.write(json.dumps("read"))
