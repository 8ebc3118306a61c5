"""What every test stands on: a clean environment, and the fixtures of tests/fixtures, one module a noun."""

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

import config
from veilgate.settings import groups

pytest_plugins = [
    "pytester",
    "tests.suite_report",
    "tests.fixtures.paths",  # before those that import it
    "tests.fixtures.pictures",
    "tests.fixtures.private_redis",
    "tests.fixtures.mariadb",
    "tests.fixtures.object_server",
    "tests.fixtures.odd_server",
    "tests.fixtures.webhook_sink",
    "tests.fixtures.certificates",
    "tests.fixtures.small_disk",
    "tests.stubs.stub_world",
]

# The same examples in every run: a red build must be red again on the next machine.
settings.register_profile("house", derandomize=True, database=None, deadline=None)
settings.load_profile("house")


def pytest_configure() -> None:
    """Before any fixture: a developer's DATABASE_URL or PORT must not reach a test, nor what it starts."""
    for group in groups.GROUPS:
        for name in group.model_fields:
            os.environ.pop(name.upper(), None)
            os.environ.pop(f"{name.upper()}_FILE", None)
    # Houses stand side by side: who wants to see a process' numbers gives it a port.
    os.environ["METRICS_PORT"] = "0"
    # Untold, structlog has rich draw tracebacks with all variables: 0.8 s for each error that is logged.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(autouse=True)
def _fresh_config(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test reads its own settings, and never the developer's .env."""
    for group in groups.GROUPS:
        monkeypatch.setitem(group.model_config, "env_file", None)
    config.get_config.cache_clear()
    yield
    config.get_config.cache_clear()
