"""The gateway and the lookups worker start fast and stay small: no codec, no model, no index, no numpy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOO_HEAVY = {
    "PIL",
    "aiohttp",
    "boto3",
    "cv2",
    "faiss",
    "numpy",
    "onnxruntime",
    "openvino",
    "pymilvus",
    "torch",
    "ultralytics",
}


@pytest.mark.parametrize("root", ["api_server", "veilgate.wiring.lookups_worker"])
def test_it_loads_nothing_heavy(repository_root: Path, root: str) -> None:
    code = f"import {root}, json, sys; print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=repository_root, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert set(json.loads(answer.stdout)) & TOO_HEAVY == set()
