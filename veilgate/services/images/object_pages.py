"""Walking through an object store in pages, and asking it about many objects at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from veilgate.storage.ports import ObjectStore

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

PAGE = 500
# A bucket takes some 10 ms to answer, whoever else asks.
_AT_ONCE = 16


def pages(items: Iterable[Asked]) -> Iterator[list[Asked]]:
    """The items, PAGE at a time."""
    iterator = iter(items)
    while page := list(islice(iterator, PAGE)):
        yield page


def ask_of_each(question: Callable[[Asked], Answer], items: Sequence[Asked]) -> list[Answer]:
    """The answers in the order of the items."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(question, items))


def size_of(store: ObjectStore, key: str) -> int | None:
    """None when there is no such object."""
    try:
        return store.size_bytes(key)
    except FileNotFoundError:
        return None
