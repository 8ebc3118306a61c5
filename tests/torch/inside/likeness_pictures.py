"""Small pictures to teach an embedder with."""

import numpy as np

from training.likeness.packed import PackedPictures

_SIDE_PX = 96


def noisy_pictures(count: int) -> PackedPictures:
    """Each is patches of other colours. None is like another, to the descriptor."""
    rng = np.random.default_rng(5)
    patches = rng.integers(0, 256, (count, 6, 6, 3), np.uint8)
    pixels = patches.repeat(_SIDE_PX // 6, axis=1).repeat(_SIDE_PX // 6, axis=2)
    aspects = rng.uniform(0.7, 1.5, count).astype(np.float32)
    names = tuple(f"picture_{number}.jpg" for number in range(count))
    return PackedPictures(names, pixels, aspects, np.zeros((count, 2, 512), np.float32))
