"""A whole house for a test, started as a user starts it: `python -m veilgate up` in a folder of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.fixtures.paths import REPOSITORY_ROOT, find_free_port
from tests.waiting import wait_until

START_TIMEOUT_S = 100.0
STOP_TIMEOUT_S = 45.0
UP = (sys.executable, "-m", "veilgate", "up")
MAKE_RUN = ("make", "--no-print-directory", "run")
DONE = {"completed", "failed", "cancelled"}


class House:
    """One running supervisor; `log` is what its terminal shows."""

    def __init__(self, data_dir: Path, *, command: Sequence[str] = UP, **settings: str) -> None:
        self.port = find_free_port()
        self._log_path = data_dir.parent / f"{data_dir.name}-{self.port}.log"
        env = {"MODEL_FETCH": "false", "DATA_DIR": str(data_dir), "PORT": str(self.port), **settings}
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=REPOSITORY_ROOT,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False)

    @property
    def log(self) -> str:
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def has_said(self, text: str) -> bool:
        return text in self.log

    def wait_for_banner(self) -> None:
        def shown() -> bool:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log}"
            return "veilgate: Ctrl-C stops" in self.log

        try:
            wait_until(shown, timeout_s=START_TIMEOUT_S, what="the banner", poll_s=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-4000:]}") from error

    def children(self) -> dict[int, str]:
        """Process id and command line of everything below the supervisor."""
        return _below(self.process.pid)

    def pid_of(self, *words: str) -> int:
        """The direct child whose command line ends with these words."""
        tail = " ".join(words)
        found = [pid for pid in _children_of(self.process.pid) if _command_line(pid).endswith(tail)]
        assert len(found) == 1, f"{tail}: {self.children()}"
        return found[0]

    def process_picture(self, picture: bytes) -> dict[str, object]:
        """Uploads, waits for the end, and returns the status document.

        What follows the end of a JPEG is ignored; without it the second time would be no work for anybody.
        """
        sent = picture + os.urandom(8)
        answer = self.http.post("/upload", files={"file": ("astronaut.jpg", sent, "image/jpeg")})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return self.ended(answer.json()["job_id"])

    def ended(self, job_id: str) -> dict[str, object]:
        """The status document of a job once it has ended."""
        return wait_until(lambda: self._ended(job_id), timeout_s=60, what=f"the end of job {job_id}")

    def interrupt(self) -> int:
        """Ctrl-C, which a terminal sends to all in its foreground; returns the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(STOP_TIMEOUT_S)

    def close(self) -> None:
        """Leaves nothing running, whatever the test did."""
        self.http.close()
        below = self.children()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_TIMEOUT_S)
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _ended(self, job_id: str) -> dict[str, object] | None:
        answer = self.http.get(f"/status/{job_id}", params={"wait": 5})
        assert answer.status_code == httpx.codes.OK, answer.text
        document: dict[str, object] = answer.json()
        return document if document["status"] in DONE else None


def _below(pid: int) -> dict[int, str]:
    found: dict[int, str] = {}
    for child in _children_of(pid):
        found[child] = _command_line(child)
        found |= _below(child)
    return found


def _children_of(pid: int) -> list[int]:
    listed = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [int(name) for name in listed if _parent_of(int(name)) == pid]


def _parent_of(pid: int) -> int | None:
    try:
        match = re.search(r"\) \S (\d+) ", Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return None
    return int(match[1]) if match else None


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""
