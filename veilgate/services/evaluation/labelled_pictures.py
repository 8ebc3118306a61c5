"""Pictures of which is known what they show: images/ beside labels/, as YOLO trainings keep them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.errors import ConfigurationError

# The class of a box of which nobody said what kind of vehicle it is.
UNLABELLED = "vehicle_type_unlabelled"
# What all pictures together are called, beside their sources.
EVERY_SOURCE = "all"
_CLASSES_FILE = "classes.txt"
_FIELDS = 5
# More beginnings of names than this are no sources, but somebody's way of naming files.
_MOST_SOURCES = 8
# Boxes that were rounded to six digits may stick out so far.
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """A file and its boxes: a class name for each, and `x1, y1, x2, y2` (n, 4) in parts of width and
    height."""

    path: Path
    labels: tuple[str, ...]
    parts_xyxy: NDArray[np.float64]

    @property
    def source(self) -> str:
        """What its name says it is from: `openimages` of `openimages_12.jpg`; empty where there is no _."""
        return self.path.stem.partition("_")[0] if "_" in self.path.stem else ""


def read_labelled_pictures(folder: Path) -> tuple[LabelledPicture, ...]:
    """All of a folder, by name; no picture is opened. Raises `ConfigurationError` that says what is wrong.

    classes.txt in the folder, or in the one above, says a name a line, for the numbers from 0 up. Without it
    all boxes are UNLABELLED.
    """
    images, labels = folder / "images", folder / "labels"
    for place in (folder, images, labels):
        if not place.is_dir():
            raise ConfigurationError(
                f"--data: there is no folder {place}; labelled pictures are images/ beside labels/"
            )
    try:
        paths = sorted(path for path in images.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise ConfigurationError(f"--data: {images} cannot be read ({type(error).__name__})") from error
    if not paths:
        raise ConfigurationError(f"--data: there is no picture in {images}")
    _require_labels(paths, labels)
    names = _read_names(folder)
    return tuple(_read(path, labels / f"{path.stem}.txt", names) for path in paths)


def by_source(pictures: Sequence[LabelledPicture]) -> dict[str, tuple[int, ...]]:
    """The positions of the pictures of each source; empty unless their names speak of several."""
    sources = sorted({picture.source for picture in pictures})
    if not 1 < len(sources) <= _MOST_SOURCES or {"", EVERY_SOURCE} & set(sources):
        return {}
    return {
        source: tuple(number for number, picture in enumerate(pictures) if picture.source == source)
        for source in sources
    }


def _require_labels(paths: list[Path], labels: Path) -> None:
    missing = [path for path in paths if not (labels / f"{path.stem}.txt").is_file()]
    if missing:
        others = f" (nor for {len(missing) - 1:,} others)" if len(missing) > 1 else ""
        raise ConfigurationError(
            f"--data: {labels} has no {missing[0].stem}.txt for {missing[0].name}{others}; "
            "of a picture that shows nothing it is an empty file"
        )


def _read_names(folder: Path) -> tuple[str, ...] | None:
    for place in (folder, folder.absolute().parent):
        path = place / _CLASSES_FILE
        if path.is_file():
            names = tuple(line.strip() for line in _text_of(path).splitlines())
            for odd in (name for name in names if not name.isprintable()):
                raise ConfigurationError(f"--data: {path} names a class {odd!r}, which cannot be printed")
            return names
    return None


def _read(path: Path, labels: Path, names: tuple[str, ...] | None) -> LabelledPicture:
    found = list(_lines(labels, names))
    parts_xyxy = np.array([box for _, box in found], np.float64).reshape(-1, 4)
    return LabelledPicture(path, tuple(name for name, _ in found), parts_xyxy)


def _lines(
    path: Path, names: tuple[str, ...] | None
) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    for number, line in enumerate(_text_of(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield _parse(line.split(), names)
        except ValueError as error:
            raise ConfigurationError(f"--data: {path}, line {number}: {error}") from error


def _parse(fields: list[str], names: tuple[str, ...] | None) -> tuple[str, tuple[float, float, float, float]]:
    if len(fields) != _FIELDS:
        raise ValueError(f"{len(fields)} fields; a box is a class and its centre x, centre y, width, height")
    index = int(fields[0])
    if index < 0 or (names is not None and index >= len(names)):
        raise ValueError(f"class {index} is not in {_CLASSES_FILE}")
    x, y, width, height = map(float, fields[1:])
    x1, y1, x2, y2 = box = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    # Written so that what is no number is refused too.
    if not (-_ROUNDING <= x1 < x2 <= 1 + _ROUNDING and -_ROUNDING <= y1 < y2 <= 1 + _ROUNDING):
        raise ValueError("the box is empty or lies outside the picture; all four numbers are parts of it")
    return (UNLABELLED if names is None else names[index]), box


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--data: {path} cannot be read ({type(error).__name__})") from error
