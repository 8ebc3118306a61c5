"""Questions that come at the same time are answered together: while one group is searched for, the next
gathers. Nobody waits for a group to fill."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from veilgate.search.ports import Answer, VectorQuery

# Larger groups only wait longer: a query costs the same in any from about eight on.
_LARGEST_GROUP = 16

Search = Callable[[Sequence[VectorQuery]], list[Answer]]


class MicroBatches:
    """One index's, on one event loop; `search` runs in the executor, for so many groups at a time."""

    def __init__(self, search: Search, executor: Executor, *, at_a_time: int) -> None:
        self._search = search
        self._executor = executor
        self._idle = at_a_time
        self._waiting: deque[tuple[VectorQuery, asyncio.Future[Answer]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, query: VectorQuery) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, future))
        if self._idle:
            self._idle -= 1
            task = asyncio.create_task(self._answer_all())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LARGEST_GROUP))]
                # Whoever has gone meanwhile has cancelled the question.
                await self._answer([one for one in group if not one[1].done()])
        finally:
            self._idle += 1

    async def _answer(self, group: Sequence[tuple[VectorQuery, asyncio.Future[Answer]]]) -> None:
        queries = [query for query, _ in group]
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._executor, self._search, queries)
        except Exception as error:  # noqa: BLE001 - whoever asked hears of it
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)
