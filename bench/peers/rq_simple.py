"""What most people would build: stock RQ, one image a job, the same model in OpenCV DNN."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.workplace import ROOT, peers_python
from veilgate.cli.private_redis import PrivateRedis

_START_TIMEOUT_S = 10.0


def measure(paths: Sequence[Path], *, face_size_px: int, face_threshold: float) -> float:
    """Pictures a second, from the first job enqueued to the last done; the worker is up and warm."""
    folder = Path(tempfile.mkdtemp(prefix="veilgate-bench-"))
    redis = PrivateRedis(folder / "redis.sock", folder=folder / "redis", keep=False)
    spec = redis.spec({})
    server = subprocess.Popen(spec.argv)
    try:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while not redis.answers():
            assert time.monotonic() < deadline_s, redis.last_log_lines()
            time.sleep(0.02)
        order = {
            "socket": str(redis.socket_path),
            "paths": [str(path) for path in paths],
            "folder": str(folder),
            "face_size_px": face_size_px,
            "face_threshold": face_threshold,
        }
        worker = [str(peers_python()), str(ROOT / "bench" / "peers" / "rq_worker.py")]
        ran = subprocess.run(worker, input=json.dumps(order), capture_output=True, text=True, check=True)
        written = len(list(folder.glob("*.jpg")))
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)
    assert written == len(paths), f"{written} of {len(paths)} files were written:\n{ran.stderr[-2000:]}"
    return len(paths) / float(ran.stdout.split()[-1])
