"""Chooses the suites of a run and says at its end, loudly, what did not run and why.

Under REQUIRE_ALL_SUITES=1 a skipped test, and a suite that did not run, fail the run. A run that is one of
several side by side writes its account into a file, and whoever started them says it for all.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.account import Account
from tests.suites import SUITES, Suite

_account: pytest.StashKey[Account] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--suites", choices=("light", "all"), help="run these suites and report what did not run"
    )
    parser.addoption(
        "--account",
        type=Path,
        help="write what this run did to a file, and leave missing suites to its reader",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_account] = Account()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out whole folders, so that a suite which cannot run is not even imported."""
    suite = next(
        (suite for suite in SUITES if collection_path == config.rootpath / "tests" / suite.name), None
    )
    choice = config.getoption("--suites")
    return True if suite and choice and why_left_out(suite, choice) else None


def pytest_itemcollected(item: pytest.Item) -> None:
    item.config.stash[_account].collected[_suite_of(item.path, item.config)] += 1


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
    if all_required() and _not_run(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = _not_run(config)
    path = config.getoption("--account")
    if lines:
        terminalreporter.section("NOT RUN", red=all_required(), yellow=not all_required(), bold=True)
        for line in lines:
            terminalreporter.write_line(f"NOT RUN: {line}")
    elif config.getoption("--suites") and not path:
        terminalreporter.write_line("every suite ran")
    if path:
        _settle(config.stash[_account], terminalreporter)
        config.stash[_account].write(path)


def _settle(account: Account, terminalreporter: pytest.TerminalReporter) -> None:
    """Takes over what pytest itself has counted."""
    stats = terminalreporter.stats
    account.outcomes.update({word: len(found) for word, found in stats.items() if word})
    for word in ("failed", "error"):
        account.failed.update(f"{word.upper()} {report.nodeid}" for report in stats.get(word, ()))


def not_run(account: Account, choice: str | None) -> list[str]:
    """What did not run, a line each: tests, and suites of the choice."""
    lines = account.skips()
    for suite in SUITES if choice else ():
        why = why_left_out(suite, choice)
        if why or not account.collected[suite.name]:
            lines.append(f"{suite.name}: {why or 'no test was collected'}")
    return lines


def _not_run(config: pytest.Config) -> list[str]:
    choice = None if config.getoption("--account") else config.getoption("--suites")
    return not_run(config.stash[_account], choice)


def why_left_out(suite: Suite, choice: str | None) -> str:
    if not suite.light and choice == "light":
        return "heavy; `make test-all` runs it"
    return suite.missing()


def _note_skip(
    report: pytest.TestReport | pytest.CollectReport, *, path: Path, config: pytest.Config
) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    config.stash[_account].skipped[f"{_suite_of(path, config)}: {reason}"] += 1
    if all_required():
        report.outcome = "failed"
        report.longrepr = f"NOT RUN, though REQUIRE_ALL_SUITES=1: {reason}"


def _suite_of(path: Path, config: pytest.Config) -> str:
    try:
        return path.relative_to(config.rootpath / "tests").parts[0]
    except (ValueError, IndexError):
        return "elsewhere"


def all_required() -> bool:
    return os.environ.get("REQUIRE_ALL_SUITES") == "1"
