"""Makes docs/pictures/veils.jpg and veils-small.jpg: `PYTHONPATH=. python docs/pictures/veils.py`."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw

from veilgate.domain.detections import Box
from veilgate.domain.redaction import BlurStyle, MaskShape, RedactionPolicy
from veilgate.imaging.redact import veil_into

_FACE = Box(179, 61, 271, 178)  # as CenterFace finds it
_CROP = (95, 0, 395, 300)
_GAP_PX, _CAPTION_PX = 10, 20
_SMALL_FACE_PX, _SHOWN_PX = 24, 300


def main() -> None:
    astronaut = skimage.data.astronaut()  # NASA, public domain
    _sheet("veils.jpg", _veils(astronaut, _FACE, crop=_CROP))
    factor = _SMALL_FACE_PX / _FACE.height
    side_px = round(astronaut.shape[0] * factor)
    small = np.array(Image.fromarray(astronaut).resize((side_px, side_px), Image.Resampling.BOX))
    face = Box(*(side * factor for side in (_FACE.x1, _FACE.y1, _FACE.x2, _FACE.y2)))
    crop = tuple(round(side * factor) for side in _CROP)
    _sheet("veils-small.jpg", _veils(small, face, crop=crop))


def _veils(pixels: np.ndarray, face: Box, *, crop: tuple[int, ...]) -> Iterable[tuple[str, Image.Image]]:
    def shown(veiled: np.ndarray) -> Image.Image:
        return Image.fromarray(veiled).crop(crop).resize((_SHOWN_PX, _SHOWN_PX), Image.Resampling.NEAREST)

    for shape, style in product(MaskShape, (None, *BlurStyle)):
        copy = np.ascontiguousarray(pixels).copy()
        if style is not None:
            veil_into(copy, [face], RedactionPolicy(style=style, shape=shape))
        yield f"{style}, {shape}" if style else "before", shown(copy)


def _sheet(name: str, tiles: Iterable[tuple[str, Image.Image]]) -> None:
    """Four in a row, each under its caption."""
    pictures = list(tiles)
    step_x, step_y = _SHOWN_PX + _GAP_PX, _SHOWN_PX + _CAPTION_PX + _GAP_PX
    sheet = Image.new("RGB", (4 * step_x - _GAP_PX, 2 * step_y - _GAP_PX), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (caption, picture) in enumerate(pictures):
        x, y = index % 4 * step_x, index // 4 * step_y
        draw.text((x, y + 4), caption, fill="black")
        sheet.paste(picture, (x, y + _CAPTION_PX))
    sheet.save(Path(__file__).with_name(name), quality=88)


if __name__ == "__main__":
    main()
