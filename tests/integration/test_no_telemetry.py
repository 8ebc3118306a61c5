"""What the house stands on does not report to its makers."""

import os
import subprocess
import sys
from pathlib import Path

# Ends with what would have gone out: 443 in the line of a name that is looked up.
WATCHING = """
import sys
asked = []
sys.addaudithook(lambda event, given: asked.append(given) if event == "socket.getaddrinfo" else None)
from veilgate.inference.openvino_runtime import OpenVinoGraph
try:
    OpenVinoGraph(b"not a graph")
except RuntimeError:
    pass
import threading
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(10)
sys.exit(f"asked for {asked}" if asked else 0)
"""


def test_openvino_is_loaded_without_a_word_to_anybody(repository_root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHING],
        cwd=repository_root,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
