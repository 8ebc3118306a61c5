"""Small pictures, ready to be made views of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PackedPictures:
    """`pixels` (N, side, side, 3), RGB, squeezed to a square; `aspects` (N,), width by height before that;
    `signs` (N, 2, 512), the descriptor of each photo as it is and mirrored, zeros for what was drawn."""

    names: tuple[str, ...]
    pixels: NDArray[np.uint8]
    aspects: NDArray[np.float32]
    signs: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.names)
