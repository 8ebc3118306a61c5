"""What is kept for choices is like nothing that teaches."""

import numpy as np

from training.likeness.split import kept_for_choices


def test_nothing_that_is_kept_has_a_near_neighbour() -> None:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((400, 2, 512)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    rows[200:300] = rows[100:200, ::-1]  # mirror images of others
    names = [f"nepal_{number}.jpg" for number in range(350)] + [f"page {number}" for number in range(50)]
    kept = kept_for_choices(names, rows, never=("nepal_3",))
    assert 3 < kept.sum() < 25
    assert not kept[100:300].any(), "these have a neighbour"
    assert not kept[350:].any(), "what is drawn teaches"
    assert not any(name.startswith("nepal_3") for name, is_kept in zip(names, kept, strict=True) if is_kept)
