"""The rig as a fixture, and the table at the end of a run."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.cells import Seen, table, write_table
from tests.faults.client import Clients
from tests.faults.lookup_house import _lookup_house, house
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig, open_rig

__all__ = ["_lookup_house", "house"]

_rows: list[Seen] = []
_stash: pytest.StashKey[Seen] = pytest.StashKey()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("cell")
    if marker and "house_name" in metafunc.fixturenames:
        metafunc.parametrize("house_name", marker.kwargs["houses"], scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`make test` runs a dozen, `make test-all` all but the long ones, `make faults` every cell."""
    suites = config.getoption("--suites")
    if suites is None:
        return
    cells = {item: marker for item in items if (marker := item.get_closest_marker("cell"))}
    left_out = [
        item
        for item, marker in cells.items()
        if marker.kwargs["long"] or (suites == "light" and not marker.kwargs["dozen"])
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def rig(house_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One house for all cells that leave it whole; `cell` brings it back to that."""
    with ExitStack() as stack:
        yield open_rig(house_name, tmp_path_factory.mktemp("rig"), stack)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what a cell opens by itself."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def fresh_rig(house_name: str, tmp_path: Path) -> Iterator[Rig]:
    """A house for a cell that leaves it full or unlike others."""
    with ExitStack() as stack:
        yield open_rig(house_name, tmp_path, stack)


@pytest.fixture(scope="session")
def _oracle_of_session(rig: Rig) -> Oracle:
    oracle = Oracle(rig, Clients(rig.port))
    oracle.learn()
    return oracle


@pytest.fixture
def oracle(_oracle_of_session: Oracle, rig: Rig) -> Iterator[Oracle]:
    """The oracle of a whole rig; afterwards all faults are undone."""
    rig.mend()
    _oracle_of_session.remember_leavings()
    yield _oracle_of_session
    rig.mend()


@pytest.fixture
def clients(oracle: Oracle) -> Clients:
    oracle.clients.forget()
    return oracle.clients


@pytest.fixture
def seen(request: pytest.FixtureRequest, house_name: str) -> Seen:
    """Where a cell writes what it saw."""
    marker = request.node.get_closest_marker("cell")
    assert marker, "a test of this folder is a cell"
    seen = Seen(marker.args[0], marker.kwargs["fault"], marker.kwargs["promised"], house_name)
    request.node.stash[_stash] = seen
    _rows.append(seen)
    return seen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    seen = item.stash.get(_stash, None)
    if seen and report.when == "call":
        seen.took_s, seen.verdict = report.duration, "green" if report.passed else "RED"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _rows:
        terminalreporter.section("faults")
        terminalreporter.write_line(table(_rows))
        write_table(_rows)
