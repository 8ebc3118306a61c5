"""The two ways to put a scenario on a gateway: each ends with an exit code and one document of one form."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures.paths import REPOSITORY_ROOT

SCRIPT = REPOSITORY_ROOT / "load-tests" / "load-test.js"
K6 = Path(sys.executable).parent / "k6"
THRESHOLD_MISSED = 99
_TIMEOUT_S = 100


@dataclass(frozen=True)
class Load:
    """`told` is the document, `said` what a terminal shows."""

    exit_code: int
    told: dict[str, Any]
    said: str

    @property
    def missed(self) -> set[str]:
        return {row["metric"] for row in self.told["thresholds"] if not row["is_met"]}


def by_k6(
    url: str,
    folder: Path,
    *,
    scenario: str,
    rate: float | None,
    duration_s: float | None,
    api_key: str = "",
) -> Load:
    summary = folder / "k6.json"
    # Without an address it opens no port for whoever would steer it: two would want the same one.
    words = ["run", "--quiet", "--no-usage-report", "--address", ""]
    words += _variables(SCENARIO=scenario, BASE_URL=url)
    words += _variables(SUMMARY=str(summary), API_KEY=api_key)
    words += _variables(RATE=str(rate)) if rate else []
    words += _variables(DURATION=f"{duration_s}s") if duration_s else []
    return _run([str(K6), *words, str(SCRIPT)], summary)


def by_httpx(
    url: str,
    folder: Path,
    *,
    scenario: str,
    rate: float | None,
    duration_s: float | None,
    api_key: str = "",
) -> Load:
    words = ["--scenario", scenario, "--api-key", api_key]
    words += ["--rate", str(rate)] if rate else []
    words += ["--duration", f"{duration_s}s"] if duration_s else []
    return bench_load(url, folder, words)


def bench_load(url: str, folder: Path, words: Sequence[str]) -> Load:
    """`python bench/load.py` with these words of its command line."""
    summary = folder / "httpx.json"
    script = str(REPOSITORY_ROOT / "bench" / "load.py")
    return _run([sys.executable, script, "--url", url, "--json", str(summary), *words], summary)


def inspected(scenario: str) -> dict[str, Any]:
    """The options that k6 would run a scenario with."""
    words = [str(K6), "inspect", *_variables(SCENARIO=scenario), str(SCRIPT)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True, env=_env())
    options: dict[str, Any] = json.loads(done.stdout)
    return options


def _run(words: Sequence[str], summary: Path) -> Load:
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
        cwd=REPOSITORY_ROOT,
        env=_env(),
    )
    assert summary.exists(), f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return Load(done.returncode, json.loads(summary.read_text(encoding="utf-8")), done.stdout + done.stderr)


def _variables(**variables: str) -> list[str]:
    return [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]


def _env() -> dict[str, str]:
    """Without the knobs of whoever runs the tests."""
    knobs = ("SCENARIO", "RATE", "DURATION", "BASE_URL", "API_KEY", "PICTURES", "SUMMARY")
    return {name: value for name, value in os.environ.items() if name not in knobs}
