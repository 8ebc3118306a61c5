"""Where the bench keeps its files, the peers' own virtual environment, and what machine this is."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "bench" / ".work"
PICTURES = ROOT / "docs" / "pictures"
_PEERS_VENV = WORK / "peers-venv"
_DEFACE = "deface==1.5.0"
# deface's own needs, but with the OpenCV that wants no desktop; and what draws the plots.
_PEERS_NEED = (
    "imageio",
    "imageio-ffmpeg",
    "tqdm",
    "scikit-image",
    "numpy",
    "onnx",
    "onnxruntime",
    "opencv-python-headless",
    "rq==2.12.0",
    "redis",
    "matplotlib",
    "hnswlib",
)
_TELLING_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")


def peers_python() -> Path:
    """The interpreter of the peers' environment, which is made when it is not complete."""
    python, complete = _PEERS_VENV / "bin" / "python", _PEERS_VENV / "complete"
    needs = "\n".join((*_PEERS_NEED, _DEFACE))
    if not complete.exists() or complete.read_text() != needs:
        print("installing the peers (once)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(_PEERS_VENV)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *_PEERS_NEED], check=True)
        subprocess.run([*pip, "--no-deps", _DEFACE], check=True)
        complete.write_text(needs)
    return python


def peers_script(name: str) -> Path:
    """A command that the peers' environment installed."""
    return peers_python().parent / name


def peers_versions() -> dict[str, str]:
    names = ("deface", "onnxruntime", "opencv-python-headless", "rq")
    program = f"from importlib.metadata import version\nfor n in {names!r}: print(n, version(n))"
    shown = subprocess.run([str(peers_python()), "-c", program], check=True, capture_output=True, text=True)
    return dict(line.split() for line in shown.stdout.splitlines())


def machine() -> dict[str, str]:
    """What a reader needs to know to compare numbers."""
    cpu = _cpu_facts()
    flags = [flag for flag in _TELLING_FLAGS if flag in cpu.get("flags", "").split()]
    return {
        "cpu": cpu.get("model name", platform.processor()),
        "cores": str(len(os.sched_getaffinity(0))),
        "cpu flags": " ".join(flags),
        "python": platform.python_version(),
        "openvino": version("openvino"),
        "opencv": version("opencv-python-headless"),
    }


def _cpu_facts() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}
