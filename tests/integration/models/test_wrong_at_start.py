"""A model setting that is wrong ends gateway and worker alike: one line that names it, and exit code 78."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.paths import REPOSITORY_ROOT, find_free_port
from tests.fixtures.private_redis import RunningRedis


@pytest.mark.parametrize("command", ["api_server.py", "worker.py images"])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"BLUR_TARGETS": "license plate"}, "BLUR_TARGETS: "),
        ({"FACE_DETECTION_MODEL_PATH": "nobody"}, "FACE_DETECTION_MODEL_PATH: "),
        ({"FACE_DETECTION_MODEL_PATH": "README.md"}, "FACE_DETECTION_MODEL_PATH: "),
    ],
    ids=["classes", "id", "file"],
)
def test_it_is_said_in_one_line(
    redis_server: RunningRedis, tmp_path: Path, command: str, settings: dict[str, str], said: str
) -> None:
    env = {**os.environ, "DATA_DIR": str(tmp_path), "PORT": str(find_free_port()), **settings}
    env["REDIS_URL"] = redis_server.url
    subprocess.run([sys.executable, "init_database.py"], cwd=REPOSITORY_ROOT, env=env, check=True)
    ended = subprocess.run(
        [sys.executable, *command.split()],
        cwd=REPOSITORY_ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == os.EX_CONFIG, ended.stderr
    assert ended.stderr.count(said) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
