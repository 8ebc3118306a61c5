"""How much a step changes the weights: little at first, then by half a cosine down to almost nothing."""

import math

_LOWEST_SHARE = 0.02


def rate_at(step: int, *, steps: int, warm_up_steps: int, highest: float) -> float:
    if step < warm_up_steps:
        return highest * (step + 1) / warm_up_steps
    passed = min(1.0, (step - warm_up_steps) / max(1, steps - warm_up_steps))
    share = 0.5 * (1 + math.cos(math.pi * passed))
    return highest * (_LOWEST_SHARE + (1 - _LOWEST_SHARE) * share)
