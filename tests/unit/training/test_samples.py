"""Samples are never the same twice, and always the same for a seed."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.pictures import CAR, TRUCK, no_vehicles, write_picture
from training.pictures import PackedPictures, pack
from training.vehicles.labels import ALL_KNOWN, read_labels
from training.vehicles.samples import Samples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        for source in ("nepal", "bdroad", "openimages"):
            write_picture(
                tmp_path, f"{source}_{number}", (CAR, 0.4, 0.5, 0.4, 0.5), (TRUCK, 0.8, 0.3, 0.2, 0.2)
            )
    return tmp_path


def samples_of(folder: Path, *, seed: int) -> Samples:
    pictures = pack(folder / "images", cache=folder / "cache")
    labels = read_labels(folder / "labels", pictures.names)
    return Samples(pictures, labels, no_vehicles(folder), seed=seed)


def test_a_sample_is_a_matter_of_seed_and_number(folder: Path) -> None:
    one, again = (samples_of(folder, seed=7).sample(3, side_px=96) for _ in range(2))
    assert (one.pixels == again.pixels).all()
    assert (one.boxes == again.boxes).all()
    for other in (
        samples_of(folder, seed=8).sample(3, side_px=96),
        samples_of(folder, seed=7).sample(4, side_px=96),
    ):
        assert (one.pixels != other.pixels).any()


def test_boxes_lie_on_the_square_and_on_what_they_are_of(folder: Path) -> None:
    samples = samples_of(folder, seed=1)
    lighter = []
    for number in range(60):
        sample = samples.sample(number, side_px=128)
        assert sample.pixels.shape == (128, 128, 3)
        assert sample.known.shape == (16, 16)
        assert ((sample.boxes >= 0) & (sample.boxes <= 128)).all()
        for x0, y0, x1, y1 in sample.boxes.round().astype(int):
            inside = np.median(sample.pixels[y0:y1, x0:x1].astype(float))
            lighter.append(inside > np.median(sample.pixels))
    assert len(lighter) > 60
    # Not all: a large box may be most of the square, and noise, light and things in front change both.
    assert np.mean(lighter) > 0.7


def test_some_pictures_hold_no_vehicle_and_are_known_to(folder: Path) -> None:
    samples = [samples_of(folder, seed=2).sample(number, side_px=96, mosaics=False) for number in range(40)]
    empty = [one for one in samples if len(one.boxes) == 0 and (one.known == ALL_KNOWN).all()]
    assert 1 <= len(empty) <= 15


def test_pictures_are_packed_once_and_again_when_they_change(folder: Path) -> None:
    first = pack(folder / "images", cache=folder / "cache")
    packed = (folder / "cache" / "pixels.bin").stat()
    assert _same(first, pack(folder / "images", cache=folder / "cache"))
    assert (folder / "cache" / "pixels.bin").stat().st_mtime_ns == packed.st_mtime_ns
    write_picture(folder, "nepal_99", (CAR, 0.5, 0.5, 0.9, 0.9))
    assert len(pack(folder / "images", cache=folder / "cache")) == len(first) + 1


def test_a_half_written_cache_is_written_again(folder: Path) -> None:
    whole = pack(folder / "images", cache=folder / "cache")
    (folder / "other").mkdir()
    (folder / "other" / "pixels.bin").write_bytes(b"killed in the middle of it")
    assert _same(whole, pack(folder / "images", cache=folder / "other"))


def test_a_kill_while_packing_others_spoils_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pack(folder / "images", cache=folder / "cache")
    write_picture(folder / "other", "nepal_0", (CAR, 0.5, 0.5, 0.9, 0.9))

    def killed(*_words: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("training.pictures.cv2.imread", killed)
        with pytest.raises(KeyboardInterrupt):
            pack(folder / "other" / "images", cache=folder / "cache")
    assert first[0].any(), "who has the old ones mapped keeps them"
    assert _same(first, pack(folder / "images", cache=folder / "cache"))


def _same(one: PackedPictures, other: PackedPictures) -> bool:
    return one.names == other.names and all(
        (one[position] == other[position]).all() for position in range(len(one))
    )
