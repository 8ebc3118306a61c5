"""An environment with torch beside the house's own.

`.venv-gpu/` holds copies of what start.sh reads, and start.sh installs there as it does in a fresh clone.
Kept between runs, by start.sh's own stamp.
"""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.fixtures.paths import REPOSITORY_ROOT

FOLDER = REPOSITORY_ROOT / ".venv-gpu"
_READ_BY_START = ("start.sh", "requirements-gateway.txt", "requirements.txt", "requirements-gpu.txt")
_OWN_REQUIREMENTS = REPOSITORY_ROOT / "tests" / "torch" / "requirements.txt"
_INSTALL_TIMEOUT_S = 1000  # 160 s alone on two cores, with a quick network; three times that beside others
_ANSWER_TIMEOUT_S = 300  # training takes half a minute on a machine that has nothing else to do


class GpuEnvironment:
    """Runs modules of tests/torch/inside, with a home and a temporary folder of their own."""

    def __init__(self, home: Path) -> None:
        self.python = FOLDER / ".venv" / "bin" / "python"
        self.home, self.temporary = home / "home", home / "tmp"
        self.home.mkdir()
        self.temporary.mkdir()
        self.variables = {
            **os.environ,
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            # Another user's XDG folder or a proxy would hide what is written or sent.
            "XDG_CONFIG_HOME": "",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def prepare(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        for name in _READ_BY_START:
            shutil.copy2(REPOSITORY_ROOT / name, FOLDER / name)
        _run(["./start.sh", "--prepare", "requirements-gpu.txt"], cwd=FOLDER)
        _run([str(self.python), "-m", "pip", "install", "--quiet", "-r", str(_OWN_REQUIREMENTS)], cwd=FOLDER)

    def start(self, module: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        """A process group of its own, so that all of it can be ended at once."""
        return subprocess.Popen(
            [str(self.python), "-m", f"tests.torch.inside.{module}", *map(str, arguments)],
            cwd=REPOSITORY_ROOT,
            env={**self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ask(self, module: str, *arguments: object, **variables: str) -> Any:
        """What the module prints, as JSON."""
        return answer_of(self.start(module, *arguments, **variables))


def answer_of(process: subprocess.Popen[str]) -> Any:
    """The JSON in the last line that a process prints; its log is added as `log` when that is an object."""
    try:
        out, log = process.communicate(timeout=_ANSWER_TIMEOUT_S)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 0, log[-4000:]
    answer = json.loads(out.splitlines()[-1])
    return {**answer, "log": log} if isinstance(answer, dict) else answer


def _run(command: list[str], *, cwd: Path) -> None:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
