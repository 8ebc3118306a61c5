"""The line before the device: company is waited for only while it may come."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.waiting import wait_until
from veilgate.services.engines.device_line import ChunkBounds, Departure, DeviceLine

FOREVER_S = 3600.0
MOST_PIXELS = 1000


class Line:
    def __init__(
        self,
        *,
        more: Callable[[], bool],
        threads: int = 1,
        max_items: int = 3,
        linger_s: float = FOREVER_S,
    ) -> None:
        self.chunks: list[list[str]] = []
        self.departures: list[Departure] = []
        self.gates: dict[str, threading.Event] = {}
        self.line: DeviceLine[str] = DeviceLine(
            self._execute,
            bounds=ChunkBounds(max_items, MOST_PIXELS, linger_s=linger_s),
            threads=threads,
            more_may_come=more,
        )

    def add(self, *items: str, pixels: int = 1) -> None:
        for item in items:
            self.line.add(item, key=item[0], pixels=pixels)

    def wait_for(self, *chunks: list[str]) -> None:
        wait_until(lambda: self.chunks == list(chunks), timeout_s=5, what=f"{chunks}")

    def _execute(self, chunk: Sequence[str], departure: Departure) -> None:
        self.departures.append(departure)
        self.chunks.append(list(chunk))
        for item in chunk:
            if item in self.gates:
                assert self.gates[item].wait(10)


@pytest.fixture
def opened() -> Iterator[Callable[..., Line]]:
    lines: list[Line] = []

    def make(**options: object) -> Line:
        lines.append(Line(**options))  # type: ignore[arg-type]
        return lines[-1]

    yield make
    for line in lines:
        line.line.close()


def test_nobody_waits_when_no_more_can_come(opened: Callable[..., Line]) -> None:
    line = opened(more=lambda: False)
    line.add("a1")
    line.wait_for(["a1"])
    assert line.departures == [Departure.ALONE]


def test_company_is_waited_for_until_the_chunk_is_full(opened: Callable[..., Line]) -> None:
    asked = threading.Event()

    def more() -> bool:
        asked.set()
        return True

    line = opened(more=more)
    line.add("a1")
    assert asked.wait(5), "it looked whether more may come, and waits"
    line.add("a2")
    assert line.chunks == []
    line.add("a3")
    line.wait_for(["a1", "a2", "a3"])
    assert line.departures == [Departure.FULL]


def test_a_chunk_that_no_other_would_fit_in_waits_for_none(opened: Callable[..., Line]) -> None:
    line = opened(more=lambda: True)
    line.add("a1", pixels=MOST_PIXELS // 2 + 1)
    line.wait_for(["a1"])
    line.add("b1", pixels=MOST_PIXELS * 2)
    line.wait_for(["a1"], ["b1"])
    assert line.departures == [Departure.PIXELS] * 2


def test_waiting_ends_with_the_linger(opened: Callable[..., Line]) -> None:
    line = opened(more=lambda: True, linger_s=0.01)
    line.add("a1")
    line.wait_for(["a1"])
    assert line.departures == [Departure.LINGER]


def test_waiting_ends_when_the_next_one_is_the_last(opened: Callable[..., Line]) -> None:
    coming = threading.Event()
    coming.set()
    line = opened(more=coming.is_set)
    line.add("a1")
    coming.clear()
    line.add("b1")
    line.wait_for(["a1"], ["b1"])


def test_a_second_thread_takes_what_the_first_left(opened: Callable[..., Line]) -> None:
    """While one chunk runs, items of another key are not left waiting for its end."""
    coming, asked = threading.Event(), []
    coming.set()

    def more() -> bool:
        asked.append(1)
        return coming.is_set()

    line = opened(more=more, threads=2)
    for number, item in enumerate(("a1", "b1"), start=1):
        line.gates[item] = threading.Event()
        line.add(item)
        wait_until(lambda number=number: len(asked) >= number, timeout_s=5, what="a thread that waits")  # type: ignore[misc]
    coming.clear()
    line.add("a2")
    wait_until(lambda: len(line.chunks) == 2, timeout_s=5, what="both chunks to run side by side")
    assert sorted(line.chunks) == [["a1", "a2"], ["b1"]]
    for gate in line.gates.values():
        gate.set()


def test_closing_ends_a_line_that_waits() -> None:
    line = Line(more=lambda: True, threads=2)
    line.add("a1")
    line.line.close()
    assert line.chunks == []
