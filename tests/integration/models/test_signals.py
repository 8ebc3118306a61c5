"""Models that come and go leave the process able to hear signals."""

import subprocess
import sys

from tests.fixtures.paths import REPOSITORY_ROOT

_TWO_MODELS_THEN_A_SIGNAL = """
import gc, os, signal
import numpy as np
from tests.integration.models.onnx_graphs import colour_detector
from veilgate.inference.openvino_runtime import OpenVinoSession

def model():
    session = OpenVinoSession(colour_detector(), input_shape=(1, 3, 640, 640))
    session.run(np.zeros((1, 3, 640, 640), np.float32))
    return session

first, second = model(), model()
del first
del second
gc.collect()
heard = []
signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
os.kill(os.getpid(), signal.SIGTERM)
while not heard:
    signal.sigtimedwait([], 0.01)
"""


def test_a_signal_after_models_have_gone_is_heard() -> None:
    """In a process of its own, because what it looks for ends the process."""
    command = [sys.executable, "-c", _TWO_MODELS_THEN_A_SIGNAL]
    ended = subprocess.run(command, cwd=REPOSITORY_ROOT, timeout=60, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
