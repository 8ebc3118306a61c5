"""The end of a run names what did not run, and REQUIRE_ALL_SUITES=1 does not accept it."""

from pathlib import Path

import pytest

PASSING = "def test_passes() -> None:\n    pass\n"
SKIPPING = "import pytest\n\ndef test_skips() -> None:\n    pytest.skip('no camera here')\n"
SKIPPING_MODULE = "import pytest\n\npytest.skip('no tripod here', allow_module_level=True)\n"


@pytest.fixture
def run_suites(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, repository_root: Path
) -> pytest.Pytester:
    """A project with a light suite, a heavy one and one that cannot run, beside our plugin."""
    monkeypatch.delenv("REQUIRE_ALL_SUITES", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(repository_root))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # half of the time a process takes to start
    pytester.makeconftest(
        """
        import tests.suite_report
        from tests.suites import Suite

        tests.suite_report.SUITES = (
            Suite("unit"),
            Suite("slow", light=False),
            Suite("moon", light=False, missing=lambda: "needs a rocket"),
        )
        pytest_plugins = ["tests.suite_report"]
        """
    )
    pytester.makeini("[pytest]\ntestpaths = tests")
    for suite in ("unit", "slow", "moon"):
        write(pytester, f"tests/{suite}/test_{suite}.py", PASSING)
    return pytester


def write(pytester: pytest.Pytester, name: str, text: str) -> None:
    path = pytester.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_light_run_names_the_heavy_suites_and_passes(run_suites: pytest.Pytester) -> None:
    result = run_suites.runpytest_subprocess("--suites=light")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["NOT RUN: slow: heavy; `make test-all` runs it", "NOT RUN: moon: heavy;*"])
    assert result.ret == 0


def test_full_run_names_the_suite_that_cannot_run(run_suites: pytest.Pytester) -> None:
    result = run_suites.runpytest_subprocess("--suites=all")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["NOT RUN: moon: needs a rocket"])
    assert result.ret == 0


def test_skips_are_counted_by_suite_and_reason(run_suites: pytest.Pytester) -> None:
    write(run_suites, "tests/unit/test_camera.py", SKIPPING)
    write(run_suites, "tests/unit/test_tripod.py", SKIPPING_MODULE)
    result = run_suites.runpytest_subprocess()
    result.stdout.fnmatch_lines(
        ["NOT RUN: unit: no camera here (1 test)", "NOT RUN: unit: no tripod here (1 test)"]
    )
    assert result.ret == 0


@pytest.mark.parametrize("source", [SKIPPING, SKIPPING_MODULE], ids=["test", "module"])
def test_required_run_fails_on_a_skip(
    run_suites: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("REQUIRE_ALL_SUITES", "1")
    write(run_suites, "tests/unit/test_camera.py", source)
    result = run_suites.runpytest_subprocess()
    result.stdout.fnmatch_lines(["*NOT RUN, though REQUIRE_ALL_SUITES=1: no * here*"])
    assert result.ret != 0


def test_required_run_fails_on_a_suite_that_cannot_run(
    run_suites: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_ALL_SUITES", "1")
    result = run_suites.runpytest_subprocess("--suites=all")
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_complete_run_says_so(run_suites: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ALL_SUITES", "1")
    conftest = run_suites.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace('missing=lambda: "needs a rocket"', ""))
    result = run_suites.runpytest_subprocess("--suites=all")
    result.stdout.fnmatch_lines(["every suite ran"])
    assert result.ret == 0


def test_empty_suite_counts_as_not_run(run_suites: pytest.Pytester) -> None:
    (run_suites.path / "tests/slow/test_slow.py").unlink()
    result = run_suites.runpytest_subprocess("--suites=all")
    result.stdout.fnmatch_lines(["NOT RUN: slow: no test was collected"])
