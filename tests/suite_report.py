"""Chooses the suites of a run and says at its end, loudly, what did not run and why.

Under REQUIRE_ALL_SUITES=1 a skipped test, and a suite that did not run, fail the run.
"""

import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.suites import SUITES, Suite

_collected: pytest.StashKey[Counter[str]] = pytest.StashKey()
_skipped: pytest.StashKey[Counter[tuple[str, str]]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--suites", choices=("light", "all"), help="run these suites and report what did not run"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_collected] = Counter()
    config.stash[_skipped] = Counter()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out whole folders, so that a suite which cannot run is not even imported."""
    suite = next(
        (suite for suite in SUITES if collection_path == config.rootpath / "tests" / suite.name), None
    )
    return True if suite and config.getoption("--suites") and _why_left_out(suite, config) else None


def pytest_itemcollected(item: pytest.Item) -> None:
    item.config.stash[_collected][_suite_of(item.path, item.config)] += 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _note_skip(report, path=item.path, config=item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        _note_skip(report, path=collector.path, config=collector.config)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _all_required() and _not_run(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = _not_run(config)
    if lines:
        terminalreporter.section("NOT RUN", red=_all_required(), yellow=not _all_required(), bold=True)
        for line in lines:
            terminalreporter.write_line(f"NOT RUN: {line}")
    elif config.getoption("--suites"):
        terminalreporter.write_line("every suite ran")


def _not_run(config: pytest.Config) -> list[str]:
    lines = [
        f"{suite}: {reason} ({count} {'test' if count == 1 else 'tests'})"
        for (suite, reason), count in sorted(config.stash[_skipped].items())
    ]
    if config.getoption("--suites"):
        for suite in SUITES:
            why = _why_left_out(suite, config)
            if why or not config.stash[_collected][suite.name]:
                lines.append(f"{suite.name}: {why or 'no test was collected'}")
    return lines


def _why_left_out(suite: Suite, config: pytest.Config) -> str:
    if not suite.light and config.getoption("--suites") == "light":
        return "heavy; `make test-all` runs it"
    return suite.missing()


def _note_skip(
    report: pytest.TestReport | pytest.CollectReport, *, path: Path, config: pytest.Config
) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    config.stash[_skipped][_suite_of(path, config), reason] += 1
    if _all_required():
        report.outcome = "failed"
        report.longrepr = f"NOT RUN, though REQUIRE_ALL_SUITES=1: {reason}"


def _suite_of(path: Path, config: pytest.Config) -> str:
    try:
        return path.relative_to(config.rootpath / "tests").parts[0]
    except (ValueError, IndexError):
        return "elsewhere"


def _all_required() -> bool:
    return os.environ.get("REQUIRE_ALL_SUITES") == "1"
