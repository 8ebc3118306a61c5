"""Keeps what a stage waits for shorter than the stage, so that it can still say what it knows without it."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from veilgate.lookups.deadlines import answers_by, time_left_s


@asynccontextmanager
async def share_of_time_left(share: float) -> AsyncIterator[None]:
    """Raises `TimeoutError` when this share of the time that the stage has left is over. Where nobody has
    said how much there is, it takes as long as it takes."""
    left_s = time_left_s(unless_said=math.inf)
    if left_s == math.inf:
        yield
        return
    until_s = asyncio.get_running_loop().time() + left_s * share
    async with asyncio.timeout_at(until_s):
        with answers_by(until_s):
            yield
