"""A first start with nothing prepared: passwords, a certificate, Redis, MySQL's user and the bucket."""

import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pymysql
import pytest
from cryptography import x509
from redis import AuthenticationError, Redis
from redis import ConnectionError as RedisAway

from containers import bucket, first_start
from tests.containers.compose import Compose
from tests.fixtures.mariadb import RunningMariaDb
from tests.fixtures.object_server import S3Server
from tests.fixtures.paths import REPOSITORY_ROOT, find_free_port
from tests.waiting import wait_until
from veilgate.cli.private_redis import find_redis_server
from veilgate.settings.checks import WELL_KNOWN_PASSWORDS

COMPOSE = Compose("docker-compose.yml")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    secrets, tls = tmp_path / "secrets", tmp_path / "tls"
    secrets.mkdir()
    tls.mkdir()
    assert first_start.main([str(secrets), str(tls)]) == 0
    return secrets, tls


def contents(*folders: Path) -> dict[str, str]:
    return {path.name: path.read_text() for folder in folders for path in folder.iterdir()}


def test_every_secret_that_compose_names_is_written(folders: tuple[Path, Path]) -> None:
    named = {
        Path(value)
        for service in COMPOSE.services.values()
        for variable, value in service.get("environment", {}).items()
        if variable.endswith("_FILE")
    }
    assert named
    assert {path.parent for path in named} == {Path("/secrets")}
    assert {path.name for path in named} <= set(contents(folders[0]))
    assert set(contents(folders[1])) == {"fullchain.pem", "key.pem"}


def test_passwords_are_of_this_machine_alone(folders: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    first_start.write_secrets(other)
    ours, theirs = contents(folders[0]), contents(other)
    for name in first_start.PASSWORDS:
        assert ours[name] != theirs[name]
        assert len(ours[name].strip()) >= 20
        assert ours[name].strip() not in WELL_KNOWN_PASSWORDS


def test_a_second_start_changes_nothing(folders: tuple[Path, Path]) -> None:
    before = contents(*folders)
    first_start.main([str(folder) for folder in folders])
    assert contents(*folders) == before


def test_others_cannot_read_them(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        for path in folder.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o640, path.name


def test_a_certificate_that_ends_soon_is_made_anew(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = folders[1] / "fullchain.pem"
    before = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = before.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    later = before.not_valid_after_utc - timedelta(days=29)

    class Later(datetime):
        @classmethod
        def now(cls, _zone: object = None) -> datetime:  # type: ignore[override]
            return later.astimezone(UTC)

    monkeypatch.setattr(first_start, "datetime", Later)
    first_start.write_certificate(folders[1])
    after = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert after.serial_number != before.serial_number
    assert after.not_valid_after_utc > later + timedelta(days=300)


@pytest.fixture
def redis_port(folders: tuple[Path, Path], tmp_path: Path) -> Iterator[int]:
    """The words of docker-compose.yml, with a real Redis."""
    port = find_free_port()
    program, *words = COMPOSE.services["redis"]["command"]
    assert program == "redis-server"
    words = [word.replace("/secrets", str(folders[0])).replace("/data", str(tmp_path)) for word in words]
    process = subprocess.Popen(
        [find_redis_server(), *words, "--port", str(port), "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL
    )
    yield port
    process.terminate()
    process.wait(10)


def test_redis_takes_its_password_and_keeps_what_it_holds(
    folders: tuple[Path, Path], redis_port: int
) -> None:
    url = (folders[0] / "redis_url").read_text().strip().replace("@redis:6379", f"@127.0.0.1:{redis_port}")
    with Redis.from_url(url) as client:
        wait_until(lambda: _answers(client), timeout_s=10, what="Redis")
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        # Full, it says so, long before its container is ended: while it writes its log anew it takes more.
        assert COMPOSE.services["redis"]["deploy"]["resources"]["limits"]["memory"] == "1G"
        assert 0 < int(client.config_get("maxmemory")["maxmemory"]) < 0.7 * 2**30
    with Redis(port=redis_port) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisAway:
        return False


def test_the_user_of_the_database_has_the_password_and_few_rights(
    folders: tuple[Path, Path], mariadb: RunningMariaDb
) -> None:
    """MySQL's image makes the user with the password first, and then runs the files of mysql-init/."""
    environment = COMPOSE.services["mysql"]["environment"]
    user, password = environment["MYSQL_USER"], (folders[0] / "mysql_password").read_text().strip()
    assert f"//{user}:{password}@mysql/veilgate" in (folders[0] / "database_url").read_text()
    script = (REPOSITORY_ROOT / "mysql-init" / "01-database-and-user.sql").read_text()
    code = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    statements = filter(None, map(str.strip, code.split(";")))
    try:
        mariadb.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'", *statements)
        with (
            pymysql.connect(
                host="127.0.0.1", port=mariadb.port, user=user, password=password, database="veilgate"
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SHOW GRANTS")
            grants = " ".join(row[0] for row in cursor.fetchall())
    finally:
        mariadb.execute(f"DROP USER IF EXISTS '{user}'@'%'", "DROP DATABASE IF EXISTS veilgate")
    assert "ALL PRIVILEGES" not in grants
    assert "REFERENCES" in grants


def test_the_bucket_is_made_once(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.settings("pictures-of-a-first-start").items():
        monkeypatch.setenv(name, value)
    assert [bucket.main(), bucket.main()] == [0, 0]
    assert s3_server.client.head_bucket(Bucket="pictures-of-a-first-start")


def test_a_bucket_that_cannot_be_made_is_said_in_a_line(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in s3_server.settings("Not A Name").items():
        monkeypatch.setenv(name, value)
    assert bucket.main() == 1
    assert capsys.readouterr().err.startswith("S3_BUCKET: Not A Name cannot be made: ")
