"""What the training knows of its pictures, and what it must not pretend to know."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.pictures import CAR, TRUCK, UNTYPED, write_picture
from training.vehicles.labels import CLASSES, Labelled, read_labels
from training.vehicles.labels import UNTYPED as UNTYPED_CLASS


def test_boxes_are_corners_and_classes_are_renumbered(tmp_path: Path) -> None:
    write_picture(tmp_path, "bdroad_1", (TRUCK, 0.5, 0.5, 0.5, 0.25), (UNTYPED, 0.1, 0.1, 0.1, 0.1))
    (labelled,) = read_labels(tmp_path / "labels", ["bdroad_1.jpg"])
    assert labelled.boxes[0].tolist() == [0.25, 0.375, 0.75, 0.625]
    assert labelled.classes.tolist() == [CLASSES.index("truck"), UNTYPED_CLASS]


@pytest.mark.parametrize(
    ("source", "unknown"),
    [("nepal", {"bicycle"}), ("bdroad", set()), ("openimages", {"bicycle", "other_vehicle"})],
)
def test_a_source_knows_only_what_it_labels(tmp_path: Path, source: str, unknown: set[str]) -> None:
    write_picture(tmp_path, f"{source}_1", (CAR, 0.5, 0.5, 0.5, 0.5))
    (labelled,) = read_labels(tmp_path / "labels", [f"{source}_1.jpg"])
    assert {name for bit, name in enumerate(CLASSES) if not labelled.known >> bit & 1} == unknown


def test_a_picture_of_nothing_has_no_boxes_and_one_without_a_file_is_told(tmp_path: Path) -> None:
    write_picture(tmp_path, "nepal_1")
    (labelled,) = read_labels(tmp_path / "labels", ["nepal_1.jpg"])
    assert labelled.boxes.shape == (0, 4)
    with pytest.raises(FileNotFoundError):
        read_labels(tmp_path / "labels", ["nepal_2.jpg"])


def test_the_validation_part_is_a_matter_of_names() -> None:
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int64), 0
    labels = [Labelled(f"openimages_{number}.jpg", "openimages", *nothing) for number in range(600)]
    assert 70 < sum(one.is_for_validation for one in labels) < 130


def test_a_source_that_nobody_described_is_told(tmp_path: Path) -> None:
    write_picture(tmp_path, "mine_1", (CAR, 0.5, 0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match=r"mine_1\.jpg is of no source .*: nepal, bdroad, openimages"):
        read_labels(tmp_path / "labels", ["mine_1.jpg"])
