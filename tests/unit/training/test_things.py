"""Things that are no vehicles have any form and any surface."""

import numpy as np
import pytest

from training.vehicles.things import outline, surface


@pytest.mark.parametrize("size_wh", [(40, 24), (9, 3), (3, 70)])
def test_a_thing_is_as_large_as_it_is_said_to_be(size_wh: tuple[int, int]) -> None:
    rng, cloth = np.random.default_rng(5), np.arange(30 * 20 * 3, dtype=np.uint8).reshape(30, 20, 3)
    width, height = size_wh
    for _ in range(40):
        covered = outline(size_wh, rng)
        assert covered.shape == (height, width)
        assert 0 <= covered.min() <= covered.max() <= 1
        shown = surface(size_wh, cloth, rng)
        assert shown.shape == (height, width, 3)
        assert shown.dtype == np.uint8


def test_things_are_blocks_and_round_and_crooked() -> None:
    rng = np.random.default_rng(5)
    shares = [float(outline((60, 60), rng).mean()) for _ in range(60)]
    assert sum(share == 1 for share in shares) > 8
    assert sum(0.7 < share < 0.8 for share in shares) > 8, "an ellipse covers pi quarters of its block"
    assert min(shares) < 0.6
