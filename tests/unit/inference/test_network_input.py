"""From a view of any shape to what a network takes."""

from dataclasses import replace

import numpy as np
import pytest

from veilgate.inference.embedders.network_input import network_input, unit_rows
from veilgate.inference.embedding_spec import EmbeddingSpec, Fit

AS_IT_IS = EmbeddingSpec((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
# Left half red, right half blue, and green ends.
WIDE = np.zeros((20, 80, 3), np.uint8)
WIDE[:, :40, 0], WIDE[:, 40:, 2] = 255, 255
WIDE[:, :20], WIDE[:, 60:] = (0, 255, 0), (0, 255, 0)


@pytest.mark.parametrize(
    ("fit", "columns"),
    [
        (Fit.SQUEEZE, ["g"] * 2 + ["r"] * 2 + ["b"] * 2 + ["g"] * 2),
        (Fit.CROP, ["r"] * 4 + ["b"] * 4),
    ],
)
def test_a_wide_view_becomes_a_square(fit: Fit, columns: list[str]) -> None:
    taken = network_input(WIDE, (8, 8), replace(AS_IT_IS, fit=fit))
    assert taken.shape == (1, 3, 8, 8)
    assert taken.dtype == np.float32
    for row in taken[0].transpose(1, 2, 0):
        assert ["rgb"[int(pixel.argmax())] for pixel in row] == columns


def test_what_is_padded_keeps_its_proportions_between_the_mean_colour() -> None:
    taken = network_input(WIDE, (8, 8), EmbeddingSpec((0.4, 0.4, 0.4), (0.5, 0.5, 0.5), Fit.PAD))[0]
    assert np.abs(taken[:, :3]).max() < 0.01
    assert np.abs(taken[:, 5:]).max() < 0.01
    assert taken[1, 3:5, 0] == pytest.approx([1.2, 1.2])


def test_levels_are_as_the_network_was_trained() -> None:
    grey = np.full((5, 9, 3), (51, 102, 204), np.uint8)
    taken = network_input(grey, (4, 6), EmbeddingSpec((0.1, 0.2, 0.3), (0.5, 0.25, 0.1)))
    assert taken.shape == (1, 3, 6, 4)
    assert taken[0, :, 0, 0] == pytest.approx([0.2, 0.8, 5.0], abs=1e-5)


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("size_wh", [(1, 512), (512, 1), (1, 1), (333, 500)])
def test_any_shape_will_do(fit: Fit, size_wh: tuple[int, int]) -> None:
    view = np.full((size_wh[1], size_wh[0], 3), 124, np.uint8)
    assert np.isfinite(network_input(view, (224, 160), EmbeddingSpec(fit=fit))).all()


def test_rows_have_length_one_or_are_none() -> None:
    rows = unit_rows(np.array([[3, 4], [0, 0], [np.inf, 1], [1e30, 0]], np.float32))
    assert rows[0] == pytest.approx([0.6, 0.8])
    assert rows[3] == pytest.approx([1, 0])
    assert not np.isfinite(rows[1]).any()
    assert not np.isfinite(rows[2]).all()
