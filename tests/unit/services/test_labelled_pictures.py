"""Reading images/ beside labels/: what is there, and what is said of what is wrong."""

from pathlib import Path

import numpy as np
import pytest

from veilgate.domain.errors import ConfigurationError
from veilgate.services.evaluation.labelled_pictures import (
    UNLABELLED,
    LabelledPicture,
    by_source,
    read_labelled_pictures,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Empty, and without a list of classes."""
    data = tmp_path / "data"
    for name in ("images", "labels"):
        (data / name).mkdir(parents=True)
    return data


def add(folder: Path, name: str, labels: str | None) -> None:
    (folder / "images" / name).write_bytes(b"no picture: nothing opens it here")
    if labels is not None:
        (folder / "labels" / f"{Path(name).stem}.txt").write_text(labels)


def test_boxes_come_with_the_names_of_their_classes(folder: Path) -> None:
    (folder / "classes.txt").write_text("car\n truck \n")
    add(folder, "b.jpg", "1 0.5 0.5 0.2 0.4\n\n0 0.25 0.5 0.5 1\n")
    add(folder, "a.jpeg", "")
    (folder / "images" / ".thumbs").write_bytes(b"")
    nothing, both = read_labelled_pictures(folder)
    assert (nothing.path.name, nothing.labels, nothing.parts_xyxy.shape) == ("a.jpeg", (), (0, 4))
    assert both.labels == ("truck", "car")
    assert both.parts_xyxy == pytest.approx(np.array([[0.4, 0.3, 0.6, 0.7], [0, 0, 0.5, 1]]))


def test_a_mark_that_an_editor_begins_with_is_no_part_of_a_name(folder: Path) -> None:
    (folder / "classes.txt").write_bytes(b"\xef\xbb\xbfcar\r\n")
    add(folder, "a.jpg", "0 0.5 0.5 0.2 0.2")
    assert read_labelled_pictures(folder)[0].labels == ("car",)
    (folder / "classes.txt").write_text("car\x1b[2J\n")
    with pytest.raises(ConfigurationError, match=r"names a class 'car\\x1b\[2J', which cannot be printed"):
        read_labelled_pictures(folder)


def test_the_folder_above_may_name_the_classes(folder: Path) -> None:
    add(folder, "a.jpg", "0 0.5 0.5 0.2 0.2")
    assert read_labelled_pictures(folder)[0].labels == (UNLABELLED,)
    (folder.parent / "classes.txt").write_text("bus\n")
    assert read_labelled_pictures(folder)[0].labels == ("bus",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.2", "line 2: 4 fields; a box is a class and its centre x"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "line 2: 7 fields"),
        ("2 0.5 0.5 0.2 0.2", r"line 2: class 2 is not in classes\.txt"),
        ("-1 0.5 0.5 0.2 0.2", "line 2: class -1"),
        ("car 0.5 0.5 0.2 0.2", "line 2: invalid literal"),
        ("0 120 80 40 40", "line 2: the box is empty or lies outside"),
        ("0 0.5 0.5 0 0.2", "line 2: the box is empty"),
        ("0 nan 0.5 0.2 0.2", "line 2: the box is empty"),
    ],
)
def test_a_wrong_line_is_named(folder: Path, line: str, said: str) -> None:
    (folder / "classes.txt").write_text("car\ntruck\n")
    add(folder, "a.jpg", f"0 0.5 0.5 0.2 0.2\n{line}\n")
    with pytest.raises(ConfigurationError, match=rf"^--data: .*a\.txt, {said}"):
        read_labelled_pictures(folder)


def test_a_picture_without_its_file_of_labels_is_named(folder: Path) -> None:
    for name, labels in (("a.jpg", ""), ("b.jpg", None), ("c.jpg", None)):
        add(folder, name, labels)
    with pytest.raises(ConfigurationError, match=r"has no b\.txt for b\.jpg \(nor for 1 others\); of a pic"):
        read_labelled_pictures(folder)


def test_a_folder_that_is_missing_or_empty_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no folder .*nowhere; labelled pictures are images/ beside"
    ):
        read_labelled_pictures(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match=r"there is no picture in .*images"):
        read_labelled_pictures(folder)
    (folder / "labels").rmdir()
    with pytest.raises(ConfigurationError, match=r"no folder .*labels;"):
        read_labelled_pictures(folder)


@pytest.mark.parametrize(
    ("names", "sources"),
    [
        (("nepal_1", "road_1", "nepal_2_b"), {"nepal": (0, 2), "road": (1,)}),
        (("nepal_1", "nepal_2"), {}),
        (("nepal_1", "all_2"), {}),
        (("nepal_1", "road_1", "photo"), {}),
        (tuple(f"{number}_a" for number in range(9)), {}),
    ],
)
def test_sources_are_told_apart_by_the_names_of_files(
    folder: Path, names: tuple[str, ...], sources: dict[str, tuple[int, ...]]
) -> None:
    for name in names:
        add(folder, f"{name}.jpg", "")
    pictures = {picture.path.stem: picture for picture in read_labelled_pictures(folder)}
    in_order: list[LabelledPicture] = [pictures[name] for name in names]
    assert by_source(in_order) == sources
