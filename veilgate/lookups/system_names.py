"""Names to addresses, as this machine resolves them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

# Gives all addresses of a name as texts; raises `OSError` when there are none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
# Enough for every fetch that a process does at once.
_THREADS = 32


class SystemNames:
    """Asks in threads of its own: a name server that is slow on purpose holds each for ten seconds or more,
    cancelled or not, and must not hold those that uploads are accepted in."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "names")

    async def resolve(self, name: str, port: int) -> Sequence[str]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, name, port)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(name: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]
