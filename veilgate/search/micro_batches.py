"""Questions that come at the same time are answered together: while one group is searched for, the next
gathers. Nobody waits for a group to fill."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from veilgate.search.ports import Answer, VectorQuery

# So many vectors of 512 dimensions are compared with 100,000 in 40 ms; a larger group only waits longer.
_LARGEST_GROUP = 64

Search = Callable[[Sequence[VectorQuery]], list[Answer]]


class MicroBatches:
    """One index's, on one event loop; `search` runs in the executor, one group at a time."""

    def __init__(self, search: Search, executor: Executor) -> None:
        self._search = search
        self._executor = executor
        self._waiting: list[tuple[VectorQuery, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, query: VectorQuery) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, future))
        if self._task is None:
            self._task = asyncio.create_task(self._answer_all())
        return await future

    async def _answer_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_LARGEST_GROUP], self._waiting[_LARGEST_GROUP:]
                # Who has gone meanwhile has cancelled the question.
                group = [(query, future) for query, future in group if not future.done()]
                if not group:
                    continue
                queries = [query for query, _ in group]
                try:
                    answers = await loop.run_in_executor(self._executor, self._search, queries)
                except Exception as error:  # noqa: BLE001 - whoever asked hears of it
                    for _, future in group:
                        if not future.done():
                            future.set_exception(error)
                    continue
                for (_, future), answer in zip(group, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
        finally:
            self._task = None
