"""A picture laid into a model's input: proportions kept, centred, the rest grey."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veilgate.imaging.boxes import clip_boxes, scale_boxes
from veilgate.imaging.resample import resize

# What Ultralytics pads with, in training as in use.
_GREY = np.float32(114 / 255)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies within an input. All sizes are (width, height) in pixels."""

    picture_wh: tuple[int, int]
    content_wh: tuple[int, int]
    input_wh: tuple[int, int]

    @classmethod
    def into(cls, picture_wh: tuple[int, int], input_wh: tuple[int, int]) -> "Letterbox":
        """As large as it fits, enlarged too."""
        factor = min(input_wh[0] / picture_wh[0], input_wh[1] / picture_wh[1])
        return cls(picture_wh, _scaled(picture_wh, factor), input_wh)

    @classmethod
    def around(cls, picture_wh: tuple[int, int], *, longest_side_px: int, stride_px: int) -> "Letterbox":
        """At that longest side, in the smallest input whose sides are multiples of the stride."""
        content_w, content_h = _scaled(picture_wh, longest_side_px / max(picture_wh))
        return cls(
            picture_wh,
            (content_w, content_h),
            (round_up(content_w, stride_px), round_up(content_h, stride_px)),
        )

    @property
    def _corner(self) -> tuple[int, int]:
        """The content's top left pixel; of an odd rest, the larger half lies to the right and below."""
        return (self.input_wh[0] - self.content_wh[0]) // 2, (self.input_wh[1] - self.content_wh[1]) // 2

    def tensor(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The input (1, 3, height, width), in the channel order of `pixels`, 0..1."""
        (left, top), (width, height) = self._corner, self.content_wh
        tensor = np.full((1, 3, self.input_wh[1], self.input_wh[0]), _GREY, np.float32)
        content = resize(pixels, self.content_wh).transpose(2, 0, 1)
        np.divide(content, np.float32(255), out=tensor[0, :, top : top + height, left : left + width])
        return tensor

    def to_picture(self, boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes in pixels of the input, carried back to the picture and clipped to it."""
        # By the factor of each axis as it came out after rounding, which for a thin picture is not one.
        inside = boxes_xyxy - np.array(self._corner * 2, np.float32)
        return clip_boxes(
            scale_boxes(inside, from_wh=self.content_wh, to_wh=self.picture_wh), self.picture_wh
        )


def _scaled(size_wh: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size_wh[0] * factor)), max(1, round(size_wh[1] * factor))


def round_up(side_px: int, stride_px: int) -> int:
    return -(-side_px // stride_px) * stride_px
