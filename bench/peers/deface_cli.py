"""The `deface` command over a folder of photos, timed as its user sees it: start, model and all."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.photos import Photo, copy_into
from bench.tables import rate
from bench.workplace import peers_script

BACKENDS = ("onnxrt", "opencv")


@dataclass(frozen=True, slots=True)
class DefaceRun:
    backend: str
    photos: int
    images_per_s: float
    megapixels_per_s: float


@dataclass(frozen=True, slots=True)
class Backends:
    """How the backends did over the same few photos."""

    images_per_s: dict[str, float]
    photos: int

    @property
    def backend(self) -> str:
        """The quicker one."""
        return max(self.images_per_s, key=self.images_per_s.__getitem__)

    def __str__(self) -> str:
        speeds = ", ".join(f"{name} {rate(speed)}" for name, speed in self.images_per_s.items())
        return f"{self.backend}, quicker on {self.photos} photos ({speeds})"


def measure(photos: Sequence[Photo], *, backend: str, scale_wh: tuple[int, int] | None) -> DefaceRun:
    """Without `scale_wh` it detects at full size, which is its default."""
    parent = Path(tempfile.mkdtemp(prefix="veilgate-bench-"))
    copy_into(parent / "photos", list(photos))
    words = [str(peers_script("deface")), str(parent / "photos"), "--backend", backend]
    if scale_wh:
        words += ["--scale", f"{scale_wh[0]}x{scale_wh[1]}"]
    try:
        began_s = time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took_s = time.perf_counter() - began_s
        made = len(list((parent / "photos").glob("*_anonymized.jpg")))
    finally:
        shutil.rmtree(parent)
    assert made == len(photos), f"deface wrote {made} of {len(photos)} files"
    megapixels = sum(photo.megapixels for photo in photos)
    return DefaceRun(backend, len(photos), len(photos) / took_s, megapixels / took_s)


def compare_backends(photos: Sequence[Photo], *, scale_wh: tuple[int, int] | None) -> Backends:
    return Backends(
        {name: measure(photos, backend=name, scale_wh=scale_wh).images_per_s for name in BACKENDS},
        len(photos),
    )
