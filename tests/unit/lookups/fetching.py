"""A fetcher for tests: names as the test says, patience of half a second, and where the test allows."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from veilgate.domain.addresses import Reachable
from veilgate.lookups.safe_fetch import FetchPatience, SafeFetch

SHORT = FetchPatience(connect_s=0.5, between_bytes_s=0.3, total_s=0.8)
# No test may come near it: what ends is ended by a patience, not by a machine that is slow.
LONGEST_S = 4.0


@dataclass
class Names:
    """What each name resolves to: one answer after the other, and the last one ever after."""

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def resolve(self, name: str, _port: int) -> Sequence[str]:
        self.asked.append(name)
        await asyncio.sleep(0)
        if name not in self.answers:
            raise OSError("Name or service not known")
        answers = self.answers[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def fetcher(
    allow: str,
    names: Names | None = None,
    *,
    patience: FetchPatience = SHORT,
    tls: ssl.SSLContext | None = None,
    most_at_once: int = 32,
) -> SafeFetch:
    resolve = (names or Names()).resolve
    return SafeFetch(Reachable.parse(allow), resolve, patience=patience, tls=tls, most_at_once=most_at_once)


def fetched(fetch: SafeFetch, url: str, *, max_bytes: int = 100_000) -> bytes:
    """What is at the address."""
    began_s = time.monotonic()
    try:
        return asyncio.run(read(fetch, url, max_bytes=max_bytes))
    finally:
        assert time.monotonic() - began_s < LONGEST_S


async def read(fetch: SafeFetch, url: str, *, max_bytes: int = 100_000) -> bytes:
    body = bytearray()
    async with fetch.open(fetch.read_target(url), max_bytes=max_bytes) as chunks:
        async for chunk in chunks:
            body += chunk
    return bytes(body)
