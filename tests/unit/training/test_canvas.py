"""Pictures laid onto a square take their boxes along, and what is not known stays so."""

import numpy as np
import pytest

from training.vehicles.canvas import Canvas, Placing
from training.vehicles.labels import ALL_KNOWN, CLASSES, UNTYPED, Labelled

_CAR = CLASSES.index("car")
_NO_BICYCLE = ALL_KNOWN & ~(1 << CLASSES.index("bicycle"))
_WHOLE = (0, 0, 160, 160)


def picture_with(*boxes: tuple[float, float, float, float], kind: int = _CAR) -> Labelled:
    return Labelled(
        "nepal_1.jpg",
        "nepal",
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), kind, np.int64),
        _NO_BICYCLE,
    )


def halves() -> np.ndarray:
    """Black on the left, white on the right."""
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[:, 40:] = 255
    return pixels


def test_a_box_is_scaled_and_moved_with_its_picture() -> None:
    canvas = Canvas(160)
    canvas.lay(halves(), picture_with((0.5, 0, 1, 1)), Placing((80, 120), (40, 20), _WHOLE, mirrored=False))
    assert canvas.boxes[0].tolist() == [[80, 20, 120, 140]]
    assert (canvas.pixels[25:135, 84:116] == 255).all()
    assert (canvas.pixels[25:135, 44:76] == 0).all()


def test_a_mirrored_picture_has_mirrored_boxes() -> None:
    canvas = Canvas(160)
    canvas.lay(halves(), picture_with((0.5, 0, 1, 1)), Placing((80, 80), (40, 40), _WHOLE, mirrored=True))
    assert canvas.boxes[0].tolist() == [[40, 40, 80, 120]]
    assert (canvas.pixels[44:116, 44:76] == 255).all()


def test_a_cropped_mirrored_picture_shows_what_its_boxes_say() -> None:
    canvas = Canvas(160)
    # 320 wide, of which 80 to 240 are seen: mirrored it is white up to 160.
    canvas.lay(halves(), picture_with((0.5, 0, 1, 1)), Placing((320, 160), (-80, 0), _WHOLE, mirrored=True))
    assert canvas.boxes[0].tolist() == [[0, 0, 80, 160]]
    assert (canvas.pixels[:, :76] == 255).all()
    assert (canvas.pixels[:, 84:] == 0).all()


def test_what_is_hardly_seen_of_a_vehicle_is_neither_taught_nor_background() -> None:
    canvas = Canvas(160)
    # A tenth of the car lies within the window.
    labelled = picture_with((0.0, 0.0, 0.5, 1.0))
    canvas.lay(halves(), labelled, Placing((160, 80), (-72, 0), _WHOLE, mirrored=False))
    assert canvas.boxes[0].shape == (0, 4)
    assert (canvas.known[:10, 0] == 0).all()
    assert (canvas.known[:10, 2:10] == _NO_BICYCLE).all()


def test_a_vehicle_of_no_type_hides_its_place_from_the_loss() -> None:
    canvas = Canvas(160)
    labelled = picture_with((0.25, 0.25, 0.75, 0.75), kind=UNTYPED)
    canvas.lay(halves(), labelled, Placing((160, 160), (0, 0), _WHOLE, mirrored=False))
    assert canvas.boxes[0].shape == (0, 4)
    assert (canvas.known[5:15, 5:15] == 0).all()
    assert (canvas.known[0] == _NO_BICYCLE).all()


@pytest.mark.parametrize("window", [(0, 0, 80, 80), (80, 80, 160, 160)])
def test_a_picture_stays_in_its_window(window: tuple[int, int, int, int]) -> None:
    canvas = Canvas(160)
    canvas.lay(halves(), picture_with(), Placing((300, 300), (-70, -70), window, mirrored=False))
    outside = np.ones((160, 160), np.bool_)
    outside[window[1] : window[3], window[0] : window[2]] = False
    assert (canvas.pixels[outside] == 114).all()
    assert (canvas.known[outside[::8, ::8]] == ALL_KNOWN).all()
    assert (canvas.known[~outside[::8, ::8]] == _NO_BICYCLE).all()


def test_what_is_covered_for_the_most_part_is_forgotten_and_not_background() -> None:
    canvas = Canvas(160)
    labelled = picture_with((0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1))
    canvas.lay(halves(), labelled, Placing((160, 160), (0, 0), _WHOLE, mirrored=False))
    for corner, width, height in (((0, 0), 80, 60), ((80, 80), 40, 20)):
        red = np.full((height, width, 3), (255, 0, 0), np.uint8)
        canvas.cover(corner, red, np.ones((height, width), np.float32))
    assert canvas.boxes[0].tolist() == [[80, 80, 160, 160]]
    assert canvas.classes[0].tolist() == [_CAR]
    assert (canvas.known[:10, :10] == 0).all()
    assert (canvas.known[10:, 10:] == _NO_BICYCLE).all()
    assert (canvas.pixels[:60, :80] == (255, 0, 0)).all()


def test_a_sliver_is_not_background_even_where_it_holds_no_centre_of_a_mark() -> None:
    canvas = Canvas(160)
    sliver = (0.5, 0.5, 0.5 + 3 / 160, 0.5 + 3 / 160)
    canvas.lay(halves(), picture_with(sliver), Placing((160, 160), (0, 0), _WHOLE, mirrored=False))
    assert not len(canvas.boxes[0])
    hidden = canvas.known == 0
    assert hidden[10, 10]
    assert hidden.sum() == 1
