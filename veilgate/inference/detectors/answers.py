"""What every answer of a graph must pass before it is believed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.errors import StageFailed


def check_finite(model_id: str, outputs: Sequence[NDArray[np.float32]]) -> None:
    """Raises `StageFailed`: a score that is no number is above no threshold, and a face would go unseen."""
    if not all(np.isfinite(output).all() for output in outputs):
        raise StageFailed(f"{model_id} gave numbers that are not finite")
