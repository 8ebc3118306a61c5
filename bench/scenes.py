"""Pictures made by a program: landscapes, streets, pages, walls, nights and more; each number another."""

import string
from collections.abc import Callable

import cv2
import numpy as np

from bench.photos import add_noise
from bench.sources import Pixels

SIZES_WH = ((1024, 768), (768, 1024), (960, 960), (1152, 648), (900, 600))
_SEED = 23
# Kinds that show vehicles: a night is a street in the dark.
WITH_CARS = frozenset({"street", "night"})
_GRAIN = 0.35  # of the noise of bench/photos.py, which is that of a phone in bad light

Rng = np.random.Generator
Colour = tuple[int, int, int]


def draw_scene(number: int) -> tuple[str, Pixels]:
    """The kind of the scene, and its BGR pixels."""
    rng = np.random.default_rng((_SEED, number))
    name = tuple(_KINDS)[number % len(_KINDS)]
    pixels = _KINDS[name](rng, SIZES_WH[int(rng.integers(len(SIZES_WH)))])
    grainy = add_noise(pixels, rng)
    return name, np.asarray(cv2.addWeighted(pixels, 1 - _GRAIN, grainy, _GRAIN, 0), np.uint8)


def _colour(rng: Rng, low: int = 0, high: int = 256) -> Colour:
    blue, green, red = (int(level) for level in rng.integers(low, high, 3))
    return blue, green, red


def _ramp(rng: Rng, size_wh: tuple[int, int], first: Colour, second: Colour) -> Pixels:
    """A smooth passage from one colour to another, in any direction."""
    width, height = size_wh
    angle = rng.uniform(0, 2 * np.pi)
    across, down = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
    share = np.clip(across * np.cos(angle) + down * np.sin(angle) + 0.5, 0, 1)[:, :, None]
    return np.asarray(np.array(first) * (1 - share) + np.array(second) * share, np.uint8)


def _clouds(rng: Rng, size_wh: tuple[int, int], coarsest: int, finest: int) -> np.ndarray:
    """Noise of several sizes, 0 to 1: `coarsest` and `finest` patches along a side."""
    width, height = size_wh
    total, weight, patches = np.zeros((height, width), np.float32), 1.0, coarsest
    while patches <= finest:
        patch = rng.random((patches + 1, patches + 1), np.float32)
        total += weight * cv2.resize(patch, size_wh, interpolation=cv2.INTER_CUBIC)
        weight, patches = weight * 0.6, patches * 2
    return np.asarray((total - total.min()) / max(float(np.ptp(total)), 1e-6), np.float32)


def _mix(below: Pixels, colour: Colour, share: np.ndarray) -> Pixels:
    return np.asarray(below * (1 - share[:, :, None]) + np.array(colour) * share[:, :, None], np.uint8)


def _sky(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    blue = int(rng.integers(140, 250))
    top = (blue, int(blue * rng.uniform(0.5, 0.9)), int(blue * rng.uniform(0.3, 0.9)))
    base = _ramp(rng, size_wh, top, _colour(rng, 170, 250))
    clouds = np.clip(_clouds(rng, size_wh, 3, 24) * rng.uniform(1, 2.4) - rng.uniform(0.5, 1.2), 0, 1)
    return _mix(base, (245, 245, 245), clouds)


def _landscape(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    width, height = size_wh
    pixels = _sky(rng, size_wh)
    for layer in range(int(rng.integers(2, 5))):
        ridge = _clouds(rng, (width, 2), 3, 48)[0] * height * 0.3 + height * (0.3 + 0.15 * layer)
        ground = np.arange(height)[:, None] > ridge[None, :]
        grain = _clouds(rng, size_wh, 12, 96)
        colour = np.array(_colour(rng, 20, 160))
        pixels = np.where(ground[:, :, None], colour * (0.6 + 0.6 * grain[:, :, None]), pixels)
    return np.asarray(pixels.clip(0, 255), np.uint8)


def _street(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    width, height = size_wh
    pixels = _sky(rng, size_wh)
    ground = int(height * rng.uniform(0.65, 0.8))
    left = -int(rng.integers(0, 80))
    while left < width:
        wide, top = int(rng.integers(90, 260)), int(rng.uniform(0.05, 0.5) * height)
        cv2.rectangle(pixels, (left, top), (left + wide, ground), _colour(rng, 50, 220), -1)
        step_x, step_y, pane = int(rng.integers(24, 60)), int(rng.integers(30, 70)), _colour(rng, 0, 255)
        for x in range(left + 10, left + wide - step_x // 2, step_x):
            for y in range(top + 12, ground - step_y // 2, step_y):
                cv2.rectangle(pixels, (x, y), (x + step_x // 2, y + step_y // 2), pane, -1)
        left += wide + int(rng.integers(0, 30))
    cv2.rectangle(pixels, (0, ground), (width, height), _colour(rng, 60, 130), -1)
    for _ in range(int(rng.integers(1, 5))):
        _car(
            pixels,
            rng,
            (int(rng.integers(0, width)), int(rng.uniform(0.3, 0.9) * (height - ground)) + ground),
        )
    return pixels


def _car(pixels: Pixels, rng: Rng, at_xy: tuple[int, int]) -> None:
    (x, y), long = at_xy, int(rng.integers(60, 200))
    paint = _colour(rng)
    cv2.rectangle(pixels, (x, y - long // 5), (x + long, y), paint, -1)
    cv2.rectangle(pixels, (x + long // 5, y - long // 3), (x + long * 4 // 5, y - long // 5), paint, -1)
    for wheel in (x + long // 4, x + long * 3 // 4):
        cv2.circle(pixels, (wheel, y), long // 9, (20, 20, 20), -1)


def _shapes(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    width, height = size_wh
    pixels = _ramp(rng, size_wh, _colour(rng), _colour(rng))
    for _ in range(int(rng.integers(5, 30))):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        axes = (int(rng.integers(10, 200)), int(rng.integers(10, 200)))
        if rng.random() < 0.5:
            cv2.ellipse(
                pixels, centre, axes, float(rng.uniform(0, 180)), 0, 360, _colour(rng), -1, cv2.LINE_AA
            )
        else:
            corners = np.array(centre) + rng.integers(-220, 220, (int(rng.integers(3, 6)), 2))
            cv2.fillPoly(pixels, [corners.astype(np.int32)], _colour(rng), cv2.LINE_AA)
    return pixels


def _stripes(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    width, height = size_wh
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    bend = _clouds(rng, size_wh, 2, 4) * rng.uniform(0, 120)
    angle, period = rng.uniform(0, np.pi), rng.uniform(20, 90)
    waves = np.sin((across * np.cos(angle) + down * np.sin(angle) + bend) * 2 * np.pi / period)
    if rng.random() < 0.5:
        waves *= np.sin((down * np.cos(angle) - across * np.sin(angle)) * 2 * np.pi / rng.uniform(20, 90))
    share = np.clip(waves * rng.uniform(1, 6) + 0.5, 0, 1).astype(np.float32)
    return _mix(_ramp(rng, size_wh, _colour(rng), _colour(rng)), _colour(rng), share)


def _texture(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    base = _ramp(rng, size_wh, _colour(rng), _colour(rng))
    finest = int(rng.choice((32, 64, 128)))
    for _ in range(2):
        base = _mix(base, _colour(rng), _clouds(rng, size_wh, int(rng.integers(2, 12)), finest))
    return base


def _bricks(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    width, height = size_wh
    pixels = np.full((height, width, 3), _colour(rng, 90, 220), np.uint8)
    high, long = int(rng.integers(24, 70)), int(rng.integers(60, 160))
    base, spread = np.array(_colour(rng, 30, 220)), rng.uniform(5, 40)
    for row, y in enumerate(range(0, height, high)):
        for x in range(-(row % 2) * long // 2, width, long):
            tone = (base + rng.normal(0, spread)).clip(0, 255)
            cv2.rectangle(pixels, (x + 3, y + 3), (x + long - 3, y + high - 3), tone.tolist(), -1)
    return _mix(pixels, (0, 0, 0), _clouds(rng, size_wh, 2, 8) * 0.4)


def _page(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    width, height = size_wh
    pixels = np.full((height, width, 3), _colour(rng, 200, 256), np.uint8)
    y, scale = int(rng.integers(40, 120)), rng.uniform(0.5, 1.1)
    while y < height - 30:
        if rng.random() < 0.1:
            y2 = min(height - 20, y + int(rng.integers(60, 200)))
            cv2.rectangle(pixels, (60, y), (int(rng.integers(200, width - 40)), y2), _colour(rng), -1)
            y = y2 + 40
        words = "".join(rng.choice(list(string.ascii_letters + " " * 10), int(rng.integers(10, 60))))
        ink = _colour(rng, 0, 90)
        cv2.putText(
            pixels, words, (60, y), cv2.FONT_HERSHEY_COMPLEX, scale, ink, 1 + (scale > 0.9), cv2.LINE_AA
        )
        y += int(scale * rng.integers(32, 60))
    return pixels


def _still_life(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    width, height = size_wh
    pixels = _ramp(rng, size_wh, _colour(rng, 60, 230), _colour(rng, 60, 230))
    table = int(height * rng.uniform(0.5, 0.75))
    pixels[table:] = _mix(pixels[table:], _colour(rng), np.full((height - table, width), 0.7))
    for _ in range(int(rng.integers(2, 7))):
        x, r = int(rng.integers(80, width - 80)), int(rng.integers(40, 140))
        y = table + int(rng.integers(-40, 120))
        cv2.ellipse(pixels, (x + r // 3, y), (r, r // 4), 0, 0, 360, (40, 40, 40), -1, cv2.LINE_AA)
        paint = np.array(_colour(rng, 60, 256))
        for step in range(12):  # lighter towards the lamp
            tone = (paint * (0.5 + 0.5 * step / 11)).tolist()
            at = (x - r * step // 36, y - r // 2 - r * step // 36)
            cv2.circle(pixels, at, max(2, r - r * step // 12), tone, -1, cv2.LINE_AA)
    return pixels


def _wall(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    """Every other one is of the few colours that walls have."""
    paint = rng.integers(150, 230) + rng.integers(-15, 16, 3)
    base = paint if rng.random() < 0.5 else np.array(_colour(rng, 60, 240))
    first, second = ((base * share).clip(0, 255).astype(int).tolist() for share in (1, rng.uniform(0.7, 1)))
    pixels = _ramp(rng, size_wh, tuple(first), tuple(second))
    return _mix(pixels, (0, 0, 0), _clouds(rng, size_wh, 3, 48) * rng.uniform(0.02, 0.12))


def _night(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    width, height = size_wh
    pixels = np.asarray(_street(rng, size_wh) * rng.uniform(0.06, 0.2), np.uint8)
    for _ in range(int(rng.integers(2, 14))):
        at = (int(rng.integers(0, width)), int(rng.integers(0, height * 3 // 4)))
        glow = np.zeros((height, width), np.float32)
        cv2.circle(glow, at, int(rng.integers(3, 12)), 1.0, -1)
        glow = glow + cv2.GaussianBlur(glow, (0, 0), 15) * 3
        pixels = _mix(pixels, _colour(rng, 150, 256), np.clip(glow, 0, 1))
    return pixels


def _poster(rng: Rng, size_wh: tuple[int, int]) -> Pixels:
    width, height = size_wh
    pixels = _shapes(rng, size_wh) if rng.random() < 0.5 else _ramp(rng, size_wh, _colour(rng), _colour(rng))
    for _ in range(int(rng.integers(2, 6))):
        words = "".join(rng.choice(list(string.ascii_uppercase), int(rng.integers(3, 10))))
        at = (int(rng.integers(0, width // 2)), int(rng.integers(80, height)))
        cv2.putText(
            pixels, words, at, cv2.FONT_HERSHEY_DUPLEX, rng.uniform(1.5, 5), _colour(rng), 6, cv2.LINE_AA
        )
    return pixels


_KINDS: dict[str, Callable[[Rng, tuple[int, int]], Pixels]] = {
    "landscape": _landscape,
    "street": _street,
    "shapes": _shapes,
    "stripes": _stripes,
    "texture": _texture,
    "bricks": _bricks,
    "page": _page,
    "still life": _still_life,
    "wall": _wall,
    "sky": _sky,
    "night": _night,
    "poster": _poster,
}
