"""Bring a model's file to this machine, once, and be sure of what came."""

import http.client
import os
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from veilgate.domain.errors import ModelMissing
from veilgate.inference.manifest import Download, ModelSpec, sha256_of

_READ_BYTES = 1 << 16
# Of a file whose size the manifest does not say.
_LARGEST_UNSAID_BYTES = 1 << 29


@dataclass(frozen=True, slots=True)
class FetchTimeouts:
    """`silence_s`: longest wait for the next byte (or the connection); `total_s`: for the whole file."""

    silence_s: float = 15.0
    total_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after the n-th failure: doubling from `first_s` up to `longest_s`."""

    first_s: float = 5.0
    longest_s: float = 600.0

    def delay_s(self, failures: int) -> float:
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))


def fetched_path(spec: ModelSpec, folder: Path) -> Path:
    """Where the file of a model with a `Download` source is kept, there or not."""
    assert isinstance(spec.source, Download)
    return folder / spec.source.file_name


def fetch_model(spec: ModelSpec, folder: Path, *, timeouts: FetchTimeouts) -> Path:
    """Download into `folder` unless the right file is there; the path appears complete and checked, or not.

    Several processes may do this at once. Raises `ModelMissing` with the reason, whatever went wrong.
    """
    target = fetched_path(spec, folder)
    try:
        if not _is_right(target, spec):
            folder.mkdir(parents=True, exist_ok=True)
            _download_to(target, spec, timeouts=timeouts)
    except (OSError, http.client.HTTPException) as error:
        raise ModelMissing(f"{spec.id} could not be fetched: {_reason(error)}") from error
    return target


class ModelFetcher:
    """A background thread that tries until the file is there, then hands over its path and ends.

    `on_failure` hears the reason of each failed try. Both callbacks run in that thread; what they raise
    ends it.
    """

    def __init__(
        self,
        spec: ModelSpec,
        folder: Path,
        *,
        on_ready: Callable[[Path], None],
        on_failure: Callable[[str], None],
        timeouts: FetchTimeouts = FetchTimeouts(),
        backoff: Backoff = Backoff(),
    ) -> None:
        self._spec = spec
        self._folder = folder
        self._on_ready = on_ready
        self._on_failure = on_failure
        self._timeouts = timeouts
        self._backoff = backoff
        self._stopping = threading.Event()
        # A daemon: a try that hangs on the network must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name=f"fetch-{spec.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, timeout_s: float) -> bool:
        """Ask it to end, and wait at most that long; whether it ended. A try under way is not broken off."""
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                path = fetch_model(self._spec, self._folder, timeouts=self._timeouts)
            except ModelMissing as error:
                failures += 1
                self._on_failure(error.message)
                self._stopping.wait(self._backoff.delay_s(failures))
            else:
                if not self._stopping.is_set():
                    self._on_ready(path)
                return


def _is_right(path: Path, spec: ModelSpec) -> bool:
    return path.is_file() and spec.is_of(sha256_of(path.read_bytes()))


def _download_to(target: Path, spec: ModelSpec, *, timeouts: FetchTimeouts) -> None:
    # A name of its own for each try: two processes may be at it, and the last rename wins with equal bytes.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".fetch-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_download(spec, timeouts=timeouts))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
    _sync_folder(target.parent)


def _download(spec: ModelSpec, *, timeouts: FetchTimeouts) -> bytes:
    """The body, complete and with the right checksum; held in memory, since the runtime does that anyway."""
    assert isinstance(spec.source, Download)
    most = spec.size_bytes or _LARGEST_UNSAID_BYTES
    ends_at = time.monotonic() + timeouts.total_s
    body = bytearray()
    # The manifest admits http(s) only, and whatever a redirect leads to must have the right checksum.
    with urllib.request.urlopen(spec.source.url, timeout=timeouts.silence_s) as response:  # noqa: S310
        # read1 hands on what has come, so that a server that drips cannot outlast the deadline.
        while piece := response.read1(_READ_BYTES):
            body += piece
            if len(body) > most:
                raise ModelMissing(f"{spec.id} could not be fetched: more than {most} bytes came")
            if time.monotonic() > ends_at:
                raise ModelMissing(f"{spec.id} could not be fetched: it took over {timeouts.total_s:g} s")
    if spec.size_bytes is not None and len(body) < spec.size_bytes:
        raise ModelMissing(f"{spec.id} could not be fetched: {len(body)} of {spec.size_bytes} bytes came")
    if not spec.is_of(sha256_of(body)):
        raise ModelMissing(f"{spec.id} could not be fetched: what came has another sha256")
    return bytes(body)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError | http.client.HTTPException) -> str:
    return str(error) or type(error).__name__
