"""Which pictures come in which step: every photo once a round, beside drawn scenes of one kind."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.intp]

# A plain wall among walls teaches more than among streets: it is what it will be taken for.
_SCENES_SHARE = 4


class Rounds:
    """Decided by the seed and the step alone, so that a training that goes on needs to remember nothing."""

    def __init__(self, names: Sequence[str], teaching: Positions, *, batch: int, seed: int) -> None:
        """`teaching`: the positions of the names that may be used. A photo's name is that of a file."""
        is_photo = np.array([names[at].endswith(".jpg") for at in teaching])
        kinds = np.array([names[at].rpartition(" ")[0] for at in teaching])
        self._photos = teaching[is_photo]
        self._kinds = [teaching[~is_photo & (kinds == kind)] for kind in np.unique(kinds[~is_photo])]
        self._scenes = min([batch // _SCENES_SHARE, *map(len, self._kinds)]) if self._kinds else 0
        self._photos_a_step = min(batch - self._scenes, len(self._photos))
        self._seed = seed
        self._steps = len(self._photos) // self._photos_a_step

    def pictures(self, step: int) -> Positions:
        turn, place = divmod(step, self._steps)
        rng = np.random.default_rng((self._seed, turn))
        photos = rng.permutation(self._photos)[place * self._photos_a_step :][: self._photos_a_step]
        groups = [group for kind in self._kinds for group in self._groups(rng.permutation(kind))]
        if not groups:
            return photos
        return np.concatenate((photos, groups[rng.permutation(len(groups))[place % len(groups)]]))

    def _groups(self, scenes: Positions) -> list[Positions]:
        whole = len(scenes) // self._scenes * self._scenes
        return list(scenes[:whole].reshape(-1, self._scenes))
