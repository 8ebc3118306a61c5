"""Which pictures the embedder learns from in which step."""

import numpy as np
import pytest

from training.likeness.rounds import Rounds

NAMES = [f"photo_{number}.jpg" for number in range(24)]
NAMES += [f"{kind} {number}" for kind in ("wall", "still life") for number in range(8)]
EVERYTHING = np.arange(len(NAMES))


def rounds(*, seed: int = 1, batch: int = 8) -> Rounds:
    return Rounds(NAMES, EVERYTHING, batch=batch, seed=seed)


def test_each_photo_comes_once_a_round_beside_scenes_of_one_kind() -> None:
    steps = [[NAMES[at] for at in rounds().pictures(step)] for step in range(4)]
    photos = [name for step in steps for name in step if name.endswith(".jpg")]
    assert sorted(photos) == sorted(NAMES[:24])
    for step in steps:
        kinds = {name.rpartition(" ")[0] for name in step[6:]}
        assert len(step) == len(set(step)) == 8
        assert kinds in ({"wall"}, {"still life"})


def test_the_seed_decides_and_each_round_is_another() -> None:
    first = rounds().pictures(2).tolist()
    assert rounds().pictures(2).tolist() == first
    assert rounds(seed=2).pictures(2).tolist() != first
    assert rounds().pictures(6).tolist() != first


@pytest.mark.parametrize("batch", [8, 100])
def test_what_is_kept_for_choices_teaches_nothing(batch: int) -> None:
    without = EVERYTHING[EVERYTHING % 3 != 0]
    taught = Rounds(NAMES, without, batch=batch, seed=1)
    assert all(at % 3 for step in range(5) for at in taught.pictures(step))


def test_photos_alone_are_enough() -> None:
    assert len(Rounds(NAMES, EVERYTHING[:24], batch=8, seed=1).pictures(0)) == 8
