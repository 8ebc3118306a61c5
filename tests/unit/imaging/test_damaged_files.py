"""Hundreds of damaged files in every format, through the gateway's eyes and the worker's: a picture or a
refusal, at once, and never anything else."""

import random
import time
from collections.abc import Iterator

import pytest

from tests.fixtures.damage import damaged, samples
from veilgate.domain.errors import UndecodablePicture, VeilgateError
from veilgate.domain.pictures import PictureLimits
from veilgate.domain.rejections import InputRejected
from veilgate.imaging.decode_pool import DecodePool
from veilgate.imaging.sniff import inspect_picture

LIMITS = PictureLimits()
SAMPLES = samples()
# Measured by hand over 52,000 of them: 34 ms and 0.30 s at most, on a busy machine.
INSPECTED_WITHIN_S, DECODED_WITHIN_S = 0.5, 1.0
FILES_OF_EACH = 8


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    shared = DecodePool(1, limits=LIMITS, timeout_s=30, memory_bytes=2_000_000_000)
    shared.start()
    yield shared
    shared.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_damage_gives_a_picture_or_a_refusal(pool: DecodePool, name: str) -> None:
    chance = random.Random(name)
    assert pool.decode(SAMPLES[name]).pixels.size
    outcomes = [_outcome(pool, damaged(SAMPLES[name], chance)) for _ in range(FILES_OF_EACH)]
    assert set(outcomes) <= {None, InputRejected, UndecodablePicture}
    assert InputRejected in outcomes or UndecodablePicture in outcomes


def _outcome(pool: DecodePool, data: bytes) -> type[VeilgateError] | None:
    began = time.monotonic()
    try:
        inspect_picture(data, LIMITS)
    except InputRejected:
        return InputRejected
    finally:
        assert time.monotonic() - began < INSPECTED_WITHIN_S
    began = time.monotonic()
    try:
        pool.decode(data)
    except UndecodablePicture:
        return UndecodablePicture
    finally:
        assert time.monotonic() - began < DECODED_WITHIN_S
    return None
