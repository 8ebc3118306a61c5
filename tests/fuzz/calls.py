"""Every call of a running gateway, as its own description has them: schemathesis sends what fits and what
does not."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.keys import Headers, LockedGateway, make_key
from tests.waiting import wait_until

# What our description promises. It cannot say that one number of a request must be above another, nor which
# other refusal comes first, so that "valid is accepted" and "invalid is refused" are not among them.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
_SETTINGS = {
    "MAX_UPLOAD_BYTES": "1000000",
    "MAX_BATCH_BYTES": "12000000",
    "MAX_BATCH_FILES": "20",
    "LIMIT_REQUESTS_PER_MINUTE": "0",
    "LIMIT_BYTES_PER_HOUR": "0",
}
# A request may be 60 kB long, which helps nobody to see what is wrong with it.
_LONGEST_LINE = 2000
_PATIENCE_S = 30


@dataclass(frozen=True)
class Outcome:
    cases: int
    report: str
    is_good: bool


@contextmanager
def locked_gateway() -> Iterator[LockedGateway]:
    """A gateway of its own, which lets nobody in without a key, and a search server for what it asks."""
    with tempfile.TemporaryDirectory(prefix="vg-") as folder:
        redis = RunningRedis(Path(folder), keep=False)
        try:
            gateway = LockedGateway(Path(folder) / "data", redis.url, **_SETTINGS)
            search = gateway.processes.start("search_server.py")
            try:
                yield gateway
            finally:
                gateway.close()
                search.terminate()
                search.wait(_PATIENCE_S)
        finally:
            redis.kill()


def fuzz_calls(
    gateway: LockedGateway, *, seconds: int, seed: int, max_examples: int | None = None
) -> Outcome:
    """Call everything for so long. The report says how to send a failing request again."""
    key = make_key(gateway, "fuzz")
    wait_until(lambda: _searches(gateway, key), timeout_s=_PATIENCE_S, what="the search server at work")
    with tempfile.TemporaryDirectory() as folder:
        description, summary = Path(folder) / "openapi.json", Path(folder) / "summary.json"
        description.write_text(
            json.dumps(_without_keys(gateway.http.get("/openapi.json", headers=key).json()))
        )
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(description)),
            *("--url", str(gateway.http.base_url), "--header", f"Authorization: {key['Authorization']}"),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing,stateful"),
            *("--seed", str(seed), "--max-time", str(seconds), "--continue-on-failure"),
            *("--report", "json", "--report-json-path", str(summary), "--warnings", "off"),
        ]
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "COLUMNS": "110"},
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=False,
        )
        cases = _cases(json.loads(summary.read_text())) if summary.exists() else 0
    is_good = done.returncode == 0 and cases > 0 and gateway.process.poll() is None
    lines = (done.stdout + done.stderr).splitlines()
    return Outcome(cases, "\n".join(line[:_LONGEST_LINE] for line in lines), is_good)


def _searches(gateway: LockedGateway, key: Headers) -> bool:
    return gateway.http.get("/search?q=a&by=likeness", headers=key).status_code != 503


def _without_keys(document: dict[str, Any]) -> dict[str, Any]:
    """The same description, so that no key is invented: failed logins are limited, and then all is 429."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
    return document


def _cases(summary: dict[str, Any]) -> int:
    return int(summary["test_cases"]["generated"])
