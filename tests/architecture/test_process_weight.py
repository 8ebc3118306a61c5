"""The gateway starts fast and stays small: no codec, no model, no index, not even numpy."""

import json
import subprocess
import sys
from pathlib import Path

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


def test_gateway_loads_nothing_heavy(repository_root: Path) -> None:
    code = "import api_server, json, sys; print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=repository_root, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert set(json.loads(answer.stdout)) & TOO_HEAVY == set()
