"""Rounds of examples: each has a seed, and the same seed gives the same examples again."""

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.targets import Target

EXAMPLES = 300


def run_round(target: Target, *, seed: int, examples: int = EXAMPLES) -> int:
    """How many examples were checked. Raises what the check of the smallest bad one raises."""
    checked = 0

    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs())
    def check(example: object) -> None:
        nonlocal checked
        checked += 1
        target.check(example)

    check()
    return checked
