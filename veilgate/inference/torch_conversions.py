"""The folder of checkpoints that were converted to OpenVINO, one entry for each sha256.

An entry appears whole, by a rename, and says how its files must look. Who looks for one or makes one holds a
lock that ends with its process, so that of several workers one converts and the others wait.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veilgate.inference.model_spec import ModelSpec
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)

# To be raised whenever the same checkpoint would be converted to something else.
CONVERTER_VERSION = 1
GRAPH_FILES = ("model.xml", "model.bin")
NOTE_FILE = "model.json"
REFUSAL_FILE = "refused.txt"
REFUSED_EXIT = 3
# A model of 26 million weights takes 12 s on two cores.
LONGEST_CONVERSION_S = 600
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
_REPOSITORY = Path(__file__).resolve().parents[2]
_LAST_WORDS = 2000


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """`note` is what the graph does not say of itself."""

    graph: Path
    note: Mapping[str, Any]


def converted(spec: ModelSpec, checkpoint: Path, *, sha256: str, folder: Path) -> ConvertedModel:
    """The entry of that checkpoint in `folder`, made now unless it is there and whole.

    Raises `ConfigurationError`, naming the setting, when there cannot be one.
    """
    entry = folder / f"{sha256}-{CONVERTER_VERSION}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f".{entry.name}.lock", model_id=spec.id):
            return _read_entry(entry) or _make_entry(spec, checkpoint, entry, sha256=sha256)
    except OSError as error:
        raise spec.wrong(f"cannot be converted in {folder}: {error.strerror or error}") from error


def torch_is_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "torchvision", "ultralytics"))


def _read_entry(entry: Path) -> ConvertedModel | None:
    """None when it is not there, or not as it was written."""
    try:
        note = json.loads((entry / NOTE_FILE).read_text(encoding="utf-8"))
        whole = all(_sha256_of(entry / name) == note["sha256"][name] for name in GRAPH_FILES)
    except (FileNotFoundError, NotADirectoryError, ValueError, LookupError, TypeError):
        return None
    return ConvertedModel(entry / GRAPH_FILES[0], note) if whole else None


def _make_entry(spec: ModelSpec, checkpoint: Path, entry: Path, *, sha256: str) -> ConvertedModel:
    if not torch_is_installed():
        raise spec.wrong(
            "needs torch: `./start.sh --prepare requirements-gpu.txt` installs it; or export it to ONNX"
        )
    # What a killed process left, and what is there and not whole: nobody else is here to use it.
    prefix = f".making-{entry.name}-"
    for leftover in (*entry.parent.glob(f"{prefix}*"), entry):
        _remove(leftover)
    making = Path(tempfile.mkdtemp(dir=entry.parent, prefix=prefix))
    try:
        started = time.monotonic()
        _log.info("model.converting", model=spec.id)
        _convert_elsewhere(spec, checkpoint, making, sha256=sha256)
        making.rename(entry)
        _log.info("model.converted", model=spec.id, took_s=round(time.monotonic() - started, 1))
    finally:
        _remove(making)
    made = _read_entry(entry)
    if made is None:
        raise spec.wrong("was converted to OpenVINO, and what was written cannot be read back")
    return made


def _harmless_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def _convert_elsewhere(spec: ModelSpec, checkpoint: Path, making: Path, *, sha256: str) -> None:
    """Run the converter to its end. Raises `ConfigurationError`."""
    command = [sys.executable, "-m", "veilgate.inference.torch_convert"]
    command += [str(checkpoint.resolve()), sha256, str(making.resolve()), str(os.getpid())]
    command += [spec.embedding.network] if spec.embedding.network else []
    with tempfile.TemporaryFile() as said:
        try:
            code = subprocess.run(
                command,
                # What reads a stranger's file is told no secret of ours.
                env={"PYTHONPATH": str(_REPOSITORY), "HOME": str(making), **_harmless_environment()},
                cwd=making,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=LONGEST_CONVERSION_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise spec.wrong(f"was not converted to OpenVINO in {LONGEST_CONVERSION_S} s") from error
        if code == REFUSED_EXIT:
            raise spec.wrong((making / REFUSAL_FILE).read_text(encoding="utf-8"))
        if code:
            said.seek(0)
            last_words = said.read().decode(errors="replace")[-_LAST_WORDS:]
            _log.error("model.conversion_failed", model=spec.id, exit_code=code, said=last_words)
            raise spec.wrong(
                f"could not be converted to OpenVINO ({_ended(code)}); the log has its last words"
            )


def _ended(code: int) -> str:
    return f"the converter was killed by signal {-code}" if code < 0 else f"the converter exited with {code}"


@contextlib.contextmanager
def _locked(path: Path, *, model_id: str) -> Iterator[None]:
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("model.conversion_awaited", model=model_id)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
