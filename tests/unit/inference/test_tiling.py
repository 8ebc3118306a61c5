import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from veilgate.domain.detections import Box, Detection
from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.embedder_models import EmbedderChoice
from veilgate.inference.fake import MagentaDetector
from veilgate.inference.manifest import read_manifest
from veilgate.inference.model_spec import ModelKind
from veilgate.inference.models import load_model
from veilgate.inference.ports import MAX_DETECTIONS, Detector
from veilgate.inference.tiling import Tile, TiledDetector, overlap_px, tiles_of
from veilgate.inference.worker_models import ModelChoice, open_worker_models

LONGEST_PX, SMALLEST_SEEN_PX = 128, 8
Pixels = NDArray[np.uint8]
Corners = tuple[int, int, int, int]


class SightOf:
    """Sees things (each of a colour of its own) that have 8 pixels or more in its view of at most 128."""

    model_id, default_threshold = "sight", 0.5

    def __init__(self) -> None:
        self.seen_wh: list[tuple[int, int]] = []
        self.most_at_once = 0

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        factor = min(1.0, LONGEST_PX / max(width, height))
        return round(width * factor), round(height * factor)

    def detect(self, pictures: Sequence[Pixels], thresholds: Sequence[float]) -> list[list[Detection]]:
        self.most_at_once = max(self.most_at_once, len(pictures))
        return [self._look(pixels, limit) for pixels, limit in zip(pictures, thresholds, strict=True)]

    def _look(self, pixels: Pixels, threshold: float) -> list[Detection]:
        height, width = pixels.shape[:2]
        self.seen_wh.append((width, height))
        factor = min(1.0, LONGEST_PX / max(width, height))
        found = []
        for colour in np.unique(pixels[..., 0])[np.unique(pixels[..., 0]) > 0]:
            rows, columns = np.nonzero(pixels[..., 0] == colour)
            box = Box(*map(float, (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))
            side = min(box.width, box.height) * factor
            # The larger in the view, the surer; a part of a thing is as sure as the whole.
            score = 0.5 + 0.4 * min(side / LONGEST_PX, 1)
            if side >= SMALLEST_SEEN_PX and score > threshold:
                found.append(Detection("thing", score, box))
        return sorted(found, key=lambda one: -one.score)


def painted(size_wh: tuple[int, int], things: Sequence[Corners]) -> Pixels:
    pixels = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for colour, (x1, y1, x2, y2) in enumerate(things, start=1):
        pixels[y1:y2, x1:x2] = colour
    return pixels


def found_by(detector: Detector, pixels: Pixels, threshold: float = 0.3) -> list[Corners]:
    (found,) = detector.detect([pixels], [threshold])
    return sorted(tuple(map(int, one.box.as_list())) for one in found)  # type: ignore[misc]


@settings(max_examples=150, deadline=None)
@given(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), st.sampled_from([128, 640, 1280]))
def test_tiles_cover_the_picture_and_share_enough(size_wh: tuple[int, int], longest: int) -> None:
    factor = min(1.0, longest / max(size_wh))
    input_wh = (max(1, round(size_wh[0] * factor)), max(1, round(size_wh[1] * factor)))
    tiles = tiles_of(size_wh, input_wh)
    if not tiles:
        assert factor >= 0.79
        return
    assert len({(tile.x2 - tile.x1, tile.y2 - tile.y1) for tile in tiles}) == 1
    shared = overlap_px(min(input_wh[0] / size_wh[0], input_wh[1] / size_wh[1]), max(input_wh))
    for low, high, side in (("x1", "x2", size_wh[0]), ("y1", "y2", size_wh[1])):
        spans = sorted({(getattr(tile, low), getattr(tile, high)) for tile in tiles})
        assert spans[0][0] == 0
        assert spans[-1][1] == side
        assert all(end - start <= max(input_wh) for start, end in spans)
        assert all(before[1] - after[0] >= shared for before, after in pairwise(spans))


@pytest.mark.parametrize(
    ("size_wh", "longest", "count"),
    [
        ((1920, 1080), 1280, 2),
        ((4000, 3000), 1280, 12),
        ((7300, 5480), 1280, 35),
        ((1920, 1080), 640, 8),
        ((4000, 3000), 640, 63),
        ((7300, 5480), 640, 221),
    ],
)
def test_the_number_of_tiles_is_the_one_stated(size_wh: tuple[int, int], longest: int, count: int) -> None:
    factor = longest / max(size_wh)
    input_wh = (round(size_wh[0] * factor), round(size_wh[1] * factor))
    assert len(tiles_of(size_wh, input_wh)) == count


@pytest.mark.parametrize("size_wh", [(128, 96), (20, 30), (1, 1), (150, 40)])
def test_small_pictures_are_seen_once_and_as_before(size_wh: tuple[int, int]) -> None:
    plain, inner = SightOf(), SightOf()
    tiled = TiledDetector(inner)
    pixels = painted(size_wh, [(0, 0, 12, 12)])
    assert tiled.detect([pixels, pixels], [0.3, 0.9]) == plain.detect([pixels, pixels], [0.3, 0.9])
    assert inner.seen_wh == [size_wh, size_wh]


def test_what_is_known_of_the_detector_stays() -> None:
    tiled = TiledDetector(SightOf())
    assert (tiled.model_id, tiled.default_threshold) == ("sight", 0.5)
    assert tiled.input_size(640, 320) == (128, 64)
    assert tiled.detect([], []) == []


def test_a_small_thing_is_found_only_in_tiles() -> None:
    pixels, thing = painted((640, 480), [(301, 202, 313, 215)]), (301, 202, 313, 215)
    assert found_by(SightOf(), pixels) == []
    assert found_by(TiledDetector(SightOf()), pixels) == [thing]


def test_a_thing_on_any_seam_is_found_once_and_whole() -> None:
    size_wh = (640, 480)
    tiles = tiles_of(size_wh, (128, 96))
    edges = {(tile.x1, tile.y1) for tile in tiles} | {(tile.x2, tile.y2) for tile in tiles}
    for x, y in sorted(edges):
        left, top = min(max(x - 15, 0), 610), min(max(y - 20, 0), 440)
        thing = (left, top, left + 30, top + 40)
        assert found_by(TiledDetector(SightOf()), painted(size_wh, [thing])) == [thing]


def test_a_large_thing_over_all_tiles_is_found_once() -> None:
    thing = (5, 5, 630, 470)
    assert found_by(TiledDetector(SightOf()), painted((640, 480), [thing])) == [thing]


def test_a_part_stays_where_nothing_shows_the_whole() -> None:
    """Too thin for the whole view, too long for a tile: its parts are veiled, and cover it."""
    x1, y1, x2, y2 = thing = (10, 200, 600, 212)
    parts = found_by(TiledDetector(SightOf()), painted((640, 480), [thing]))
    assert {row for part in parts for row in (part[1], part[3])} == {y1, y2}
    assert set(range(x1, x2)) <= {column for part in parts for column in range(part[0], part[2])}


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[int, int], list[Corners]]:
    """A picture with things that do not touch: one at most in each cell of a grid."""
    size_wh = (draw(st.integers(100, 640)), draw(st.integers(100, 640)))
    cell = draw(st.sampled_from([50, 90, 200]))
    things = []
    for top in range(0, size_wh[1] - cell, cell):
        for left in range(0, size_wh[0] - cell, cell):
            if draw(st.integers(0, 3)) == 0:
                width, height = draw(st.integers(2, cell - 2)), draw(st.integers(2, cell - 2))
                x, y = (
                    left + draw(st.integers(0, cell - 2 - width)),
                    top + draw(st.integers(0, cell - 2 - height)),
                )
                things.append((x, y, x + width, y + height))
    return size_wh, things[:200]


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_every_thing_that_some_view_shows_whole_is_found_exactly_once(
    layout: tuple[tuple[int, int], list[Corners]],
) -> None:
    size_wh, things = layout
    pixels = painted(size_wh, things)
    found = found_by(TiledDetector(SightOf()), pixels)
    assert len(found) == len(set(found)), "no doubles"
    factor = min(1.0, LONGEST_PX / max(size_wh))
    tiles = tiles_of(size_wh, SightOf().input_size(*size_wh)) or [Tile(0, 0, *size_wh)]
    for x1, y1, x2, y2 in things:
        sides = (x2 - x1, y2 - y1)
        in_whole = min(sides) * factor >= SMALLEST_SEEN_PX
        in_tile = min(sides) >= SMALLEST_SEEN_PX and any(
            tile.x1 <= x1 and tile.y1 <= y1 and x2 <= tile.x2 and y2 <= tile.y2 for tile in tiles
        )
        here = [box for box in found if box[0] < x2 and x1 < box[2] and box[1] < y2 and y1 < box[3]]
        if in_whole or (in_tile and factor < 0.8):
            assert here == [(x1, y1, x2, y2)]
        if min(sides) < SMALLEST_SEEN_PX:
            assert here == []


class Scripted:
    """Says of the whole picture (300 × 100, seen at a third) and of each tile what it is told to."""

    model_id, default_threshold = "scripted", 0.5

    def __init__(self, whole: list[Detection], in_tiles: dict[int, list[Detection]]) -> None:
        self._whole, self._in_tiles = whole, in_tiles
        self._looks = -1

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return (100, 33) if (width, height) == (300, 100) else (width, height)

    def detect(
        self,
        pictures: Sequence[Pixels],
        thresholds: Sequence[float],  # noqa: ARG002 - the script decides
    ) -> list[list[Detection]]:
        if pictures[0].shape[:2] == (100, 300):
            return [self._whole]
        answers = []
        for _ in pictures:
            self._looks += 1
            answers.append(self._in_tiles.get(self._looks, []))
        return answers


def merged(whole: list[Detection], in_tiles: dict[int, list[Detection]]) -> list[Detection]:
    return TiledDetector(Scripted(whole, in_tiles)).detect([np.zeros((100, 300, 3), np.uint8)], [0.1])[0]


def face(score: float, *corners: float, label: str = "face") -> Detection:
    return Detection(label, score, Box(*corners))


def test_two_sights_of_one_face_are_given_as_the_box_around_both() -> None:
    (one,) = merged([face(0.6, 20, 20, 50, 60)], {0: [face(0.9, 24, 18, 52, 57)]})
    assert one == face(0.9, 20, 18, 52, 60)


def test_a_surer_part_does_not_uncover_the_whole() -> None:
    """An eye seen in a tile, surer than the head in the whole view: the head stays."""
    head, eye = face(0.5, 10, 10, 70, 90), face(0.9, 20, 20, 40, 30)
    assert merged([head], {0: [eye]}) == [eye, head]


def test_a_less_sure_part_within_the_whole_goes() -> None:
    assert merged([face(0.8, 10, 10, 70, 90)], {0: [face(0.4, 20, 20, 40, 30)]}) == [
        face(0.8, 10, 10, 70, 90)
    ]


def test_a_cut_box_larger_than_what_it_meets_stays() -> None:
    """It ends at the edge of its tile (100), and half of it lies in a whole box: not a part of that."""
    whole, cut = face(0.9, 67, 40, 127, 90), face(0.5, 60, 10, 100, 90)
    assert merged([whole], {0: [cut]}) == [whole, cut]


def test_a_face_behind_another_stays() -> None:
    front, behind = face(0.9, 20, 20, 60, 70), face(0.5, 45, 15, 70, 40)
    assert merged([front], {0: [behind]}) == [front, behind]


def test_what_one_view_shows_side_by_side_is_not_weighed_against_itself() -> None:
    couple = [face(0.9, 20, 20, 60, 70), face(0.8, 30, 20, 70, 70)]
    assert merged(couple, {}) == couple


def test_things_of_different_classes_do_not_hide_each_other() -> None:
    plate, head = face(0.9, 20, 20, 50, 50, label="plate"), face(0.6, 20, 20, 50, 50)
    assert merged([plate], {0: [head]}) == [plate, head]


def test_noise_cannot_fill_the_house() -> None:
    rng = np.random.default_rng(2)
    places = rng.uniform(0, 80, (MAX_DETECTIONS, 2))
    noise = [
        face(float(score), x, y, x + 1, y + 1) for (x, y), score in zip(places, rng.random(3000), strict=True)
    ]
    found = merged(noise, dict.fromkeys(range(9), noise))
    assert len(found) == MAX_DETECTIONS
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_each_picture_keeps_its_threshold_in_its_tiles() -> None:
    pixels = painted((640, 480), [(301, 202, 331, 232)])
    lax, strict = TiledDetector(SightOf()).detect([pixels, pixels], [0.3, 0.8])
    assert len(lax) == 1
    assert strict == []


def test_few_tiles_are_held_at_a_time_and_none_is_larger_than_the_view() -> None:
    inner = SightOf()
    TiledDetector(inner).detect([painted((1900, 1400), [])], [0.3])
    assert len(inner.seen_wh) > 100
    assert inner.most_at_once <= 4
    assert max(max(seen) for seen in inner.seen_wh[1:]) <= LONGEST_PX


def test_with_the_stand_in_model() -> None:
    """3000 px are sampled at every fifth: 12 px of magenta are too few for it, and enough in a tile."""
    pixels = np.zeros((2000, 3000, 3), np.uint8)
    pixels[700:712, 1400:1412] = (255, 0, 255)
    stand_in = MagentaDetector(model_id="fake", default_threshold=0.5, delay_s=0)
    assert stand_in.detect([pixels], [0.5]) == [[]]
    ((found,),) = TiledDetector(stand_in).detect([pixels], [0.5])
    assert found.box == Box(1400, 700, 1412, 712)
    assert math.isclose(found.score, 1 - 1 / 256)


@pytest.mark.parametrize("tiling", [False, True])
def test_a_worker_looks_at_tiles_when_the_settings_say_so(
    tiling: bool, repository_root: Path, tmp_path: Path
) -> None:
    choice = ModelChoice(
        faces="fake",
        faces_longest_side_px=640,
        tiling=tiling,
        blur_targets="",
        vehicles="fastestdet",
        embedder=EmbedderChoice("descriptor-v1"),
        fetch=False,
        streams=1,
    )
    models = open_worker_models(
        choice, manifest_path=repository_root / "models" / "manifest.toml", fetched_folder=tmp_path
    )
    assert isinstance(models.faces, TiledDetector) is tiling
    assert models.faces.model_id == "fake"


@pytest.fixture(scope="module")
def centerface(repository_root: Path) -> Detector:
    spec = read_manifest(repository_root / "models" / "manifest.toml").resolve("centerface", ModelKind.FACES)
    return load_model(spec, folder=Path("unused"), options=DetectorOptions(longest_side_px=640))


def astronaut_at(side_px: int) -> Pixels:
    return np.asarray(Image.fromarray(skimage.data.astronaut()).resize((side_px, side_px)))


@pytest.mark.parametrize("corner", [(40, 30), (460, 500), (1500, 900)])
def test_a_real_small_face_is_found_once(centerface: Detector, corner: tuple[int, int]) -> None:
    pixels, (x, y) = np.full((1500, 2000, 3), 110, np.uint8), corner
    pixels[y : y + 120, x : x + 120] = astronaut_at(120)  # a face of 27 px, seen at 9
    assert centerface.detect([pixels], [0.5]) == [[]]
    ((found,),) = TiledDetector(centerface).detect([pixels], [0.5])
    expected = [x + 179 * 120 / 512, y + 61 * 120 / 512, x + 271 * 120 / 512, y + 178 * 120 / 512]
    assert found.box.as_list() == pytest.approx(expected, abs=5)


def test_a_real_face_larger_than_a_tile_is_found_once(centerface: Detector) -> None:
    (plain,), (found,) = (
        one.detect([astronaut_at(3000)], [0.2])[0] for one in (centerface, TiledDetector(centerface))
    )
    assert found.box.height > 640
    assert found.box.as_list() == pytest.approx(plain.box.as_list(), abs=60)
