"""Whose turn it is at a host: few at a time, and with a pause between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_MOST_AT_ONCE = 2
# Of all hosts together: fewer than a `SafeFetch` takes before it says that it is full.
_MOST_OF_ALL = 24
_MOST_HOSTS = 1000


@dataclass(slots=True)
class _Host:
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MOST_AT_ONCE))
    free_from_s: float = 0.0
    users: int = 0


class HostTurns:
    """Of one event loop."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}
        self._places = asyncio.Semaphore(_MOST_OF_ALL)

    @asynccontextmanager
    async def turn(self, name: str, *, pause_s: float) -> AsyncIterator[None]:
        """Waits until the host may be asked again; `pause_s` is the least time from one question's beginning
        to the next one's."""
        now_s = asyncio.get_running_loop().time
        host = self._host(name)
        host.users += 1
        try:
            async with host.places:
                begins_s = max(now_s(), host.free_from_s)
                host.free_from_s = begins_s + pause_s
                await asyncio.sleep(begins_s - now_s())
                async with self._places:
                    yield
        finally:
            host.users -= 1

    def _host(self, name: str) -> _Host:
        if name not in self._hosts and len(self._hosts) >= _MOST_HOSTS:
            now_s = asyncio.get_running_loop().time()
            waited_for = {
                known: host for known, host in self._hosts.items() if host.users or host.free_from_s > now_s
            }
            self._hosts = waited_for
        return self._hosts.setdefault(name, _Host())
