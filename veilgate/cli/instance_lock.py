"""One `veilgate up` per DATA_DIR."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from veilgate.domain.errors import ConfigurationError


@contextmanager
def instance_lock(data_dir: Path, *, holder: str) -> Iterator[None]:
    """Holds DATA_DIR for this process; whoever comes second is told who `holder` is.

    The kernel drops the lock with the process, so nothing stale is left by kill -9.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    handle = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            first = os.read(handle, 1000).decode(errors="replace").strip()
            raise ConfigurationError(
                f"Veilgate already runs on {data_dir}: {first}. "
                "Stop it there, or start this one with another DATA_DIR and PORT."
            ) from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{holder}\n".encode())
        yield
    finally:
        os.close(handle)
