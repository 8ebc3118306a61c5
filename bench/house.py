"""A whole house in a folder of its own, and a client that uploads to it."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.detectors import DetectorPlan
from bench.workplace import ROOT

_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 60.0
_LONG_POLL_S = 30
_BOUNDARY = "veilgate-bench-2f6a1c"


class House:
    """`python -m veilgate up`, ready and warm; ended and forgotten on leaving."""

    def __init__(self, plan: DetectorPlan, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="veilgate-bench-"))
        self.port = int(settings.get("PORT") or free_port())
        vehicles = {"VEHICLE_DETECTION_MODEL_PATH": plan.vehicles} if plan.vehicles else {}
        settings = {
            "DATA_DIR": str(self.folder / "data"),
            "PORT": str(self.port),
            "METRICS_PORT": "0",
            "MODEL_FETCH": "false",
            "FACE_DETECTION_SIZE": str(plan.face_size_px),
            "FACE_CONFIDENCE_THRESHOLD": str(plan.face_threshold),
            **vehicles,
            **settings,
        }
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "veilgate", "up"],
                cwd=ROOT,
                env={**os.environ, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> "House":
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()  # its children end with it
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while b"Ctrl-C stops" not in (log := (self.folder / "log").read_bytes()):
            gone = self.process.poll() is not None
            if gone or time.monotonic() > deadline_s:
                raise RuntimeError(f"the house did not start:\n{log.decode(errors='replace')[-3000:]}")
            time.sleep(0.2)


class Client:
    """One keep-alive connection. Belongs to one thread."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def upload(self, path: Path) -> str:
        """The job's id."""
        answer = self._post("/upload", _part("file", path) + _END)
        return str(answer["job_id"])

    def upload_batch(self, paths: Sequence[Path]) -> list[str]:
        body = b"".join(_part("files", path) for path in paths) + _END
        answer = self._post("/batch-upload", body)
        assert not answer["rejected"], answer["rejected"]
        return [str(item["job_id"]) for item in answer["accepted"]]

    def wait_for(self, job_ids: Sequence[str]) -> None:
        """Until all are completed. One long poll each, which costs the gateway less than asking often."""
        for job_id in job_ids:
            while (status := self._get(f"/status/{job_id}?wait={_LONG_POLL_S}")["status"]) != "completed":
                assert status in ("submitted", "processing"), f"job {job_id} is {status}"

    def _post(self, address: str, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        self._connection.request("POST", address, body, headers)
        return self._answer(202)

    def _get(self, address: str) -> dict[str, Any]:
        self._connection.request("GET", address)
        return self._answer(200)

    def _answer(self, expected: int) -> dict[str, Any]:
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == expected, f"{answer.status}: {text[:500]!r}"
        document: dict[str, Any] = json.loads(text)
        return document


_END = f"--{_BOUNDARY}--\r\n".encode()


def _part(field: str, path: Path) -> bytes:
    name = urllib.parse.quote(path.name)
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    # What follows the end of a JPEG is ignored; without it the second upload of a photo would be no work.
    content = path.read_bytes() + os.urandom(8)
    return head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + content + b"\r\n"


def upload_all(port: int, paths: Sequence[Path], *, connections: int) -> list[str]:
    """Single uploads over a few connections; the jobs' ids in the order of the paths."""
    job_ids: list[str] = [""] * len(paths)
    waiting = iter(range(len(paths)))
    turn = threading.Lock()
    errors: list[BaseException] = []

    def work() -> None:
        client = Client(port)
        try:
            while True:
                with turn:
                    number = next(waiting, None)
                if number is None:
                    return
                job_ids[number] = client.upload(paths[number])
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return job_ids


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
