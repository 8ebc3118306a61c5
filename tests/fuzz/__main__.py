"""`make fuzz FUZZ_SECONDS=180`: what strangers send, made up by machines, for a bounded time.

`python -m tests.fuzz` shares the time between the calls of a real gateway and the readers of hostile bytes.
What fails is printed with the command that finds it again.
"""

import argparse
import os
import secrets
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.fuzz.calls import fuzz_calls, locked_gateway
from tests.fuzz.rounds import run_round
from tests.fuzz.targets import TARGETS, Target

_CALLS = "calls"
# The gateway gets half of the time, the other targets share the rest.
_SHARE_OF_CALLS = 0.5


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    targets = [target for target in TARGETS if options.only in {None, target.name}]
    seconds = options.seconds / (1 if options.only else 2 * len(targets))
    results = [_fuzz(target, seconds=seconds, seed=options.seed) for target in targets]
    if options.only in {None, _CALLS}:
        results.append(_call(round(options.seconds * (_SHARE_OF_CALLS if targets else 1)), options.seed))
    return 0 if all(results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=180, help="how long in all (180)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="begin with this seed")
    parser.add_argument("--only", choices=[*(target.name for target in TARGETS), _CALLS])
    return parser


def _fuzz(target: Target, *, seconds: float, seed: int) -> bool:
    """Rounds with one seed after the other, at least one."""
    # Before, for a crash that leaves no time to say anything.
    _say(f"{target.name}: from {_again(target.name, seed)}")
    began_s, cases = time.monotonic(), 0
    for number in count(seed):
        try:
            with _quiet_codecs():
                cases += run_round(target, seed=number)
        except Exception:  # noqa: BLE001 - whatever it is, it is the find
            _say(f"{traceback.format_exc()}\n{target.name}: FAILED; again with {_again(target.name, number)}")
            return False
        if time.monotonic() - began_s >= seconds:
            break
    _say(f"{target.name}: {cases} cases in {time.monotonic() - began_s:.0f} s, seeds {seed} to {number}")
    return True


@contextmanager
def _quiet_codecs() -> Iterator[None]:
    """Their libraries write about each damaged picture to the descriptor 2."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _call(seconds: int, seed: int) -> bool:
    with locked_gateway() as gateway:
        outcome = fuzz_calls(gateway, seconds=max(seconds, 1), seed=seed)
        if not outcome.is_good:
            _say(f"{outcome.report}\n{gateway.log[-4000:]}")
            _say(f"{_CALLS}: FAILED; again with {_again(_CALLS, seed)} --seconds {seconds}")
    _say(f"{_CALLS}: {outcome.cases} cases in {seconds} s, seed {seed}")
    return outcome.is_good


def _again(name: str, seed: int) -> str:
    return f"python -m tests.fuzz --only {name} --seed {seed}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
