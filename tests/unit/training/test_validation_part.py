"""The pictures that no training learns from, in a folder that any detector can be measured on."""

from argparse import Namespace
from pathlib import Path

from tests.unit.training.pictures import CAR, write_picture
from training.vehicles.labels import read_labels
from training.vehicles.validation_part import run
from veilgate.services.evaluation.labelled_pictures import read_labelled_pictures


def test_it_holds_what_is_not_learned_from(tmp_path: Path) -> None:
    names = [f"openimages_{number}" for number in range(40)]
    for name in names:
        write_picture(tmp_path / "train", name, (CAR, 0.4, 0.5, 0.4, 0.5))
    (tmp_path / "classes.txt").write_text("car\n")
    for _ in range(2):  # a second call leaves the same
        run(Namespace(data=tmp_path / "train", out=tmp_path / "kept"))
    labels = read_labels(tmp_path / "train" / "labels", [f"{name}.jpg" for name in names])
    kept = read_labelled_pictures(tmp_path / "kept")
    assert 0 < len(kept) < 20
    assert {one.path.name for one in kept} == {one.name for one in labels if one.is_for_validation}
    assert {one.labels for one in kept} == {("car",)}
