"""Whether the house comes encrypted to its servers, and what is said where it does not."""

from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config import Config, WrongSettings
from tests.fixtures.certificates import Issuer
from veilgate.domain.errors import ConfigurationError
from veilgate.settings.wires import wires_in_clear
from veilgate.wiring.resources import open_database

DATABASE_URL = "mysql+pymysql://u:p@db.example/veilgate"
ENCRYPTED = {
    "DATABASE_CA_FILE": {"DATABASE_URL": DATABASE_URL},
    "REDIS_CA_FILE": {"REDIS_URL": "rediss://redis.example:6380/0"},
    "S3_CA_FILE": {"S3_BUCKET": "pictures", "S3_ENDPOINT_URL": "https://minio.example"},
}
IN_CLEAR = {
    "DATABASE_CA_FILE": {"DATABASE_URL": "sqlite:///here.db"},
    "REDIS_CA_FILE": {"REDIS_URL": "redis://redis.example/0"},
    "S3_CA_FILE": {"S3_BUCKET": "pictures", "S3_ENDPOINT_URL": "http://minio.example"},
}
FILES = sorted(ENCRYPTED)


def config_with(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> Config:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Config()


def fault_of(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> str:
    with pytest.raises(WrongSettings) as raised:
        config_with(monkeypatch, settings)
    [line] = raised.value.lines
    return line


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_certificates_is_read_at_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, issuer: Issuer, name: str
) -> None:
    config_with(monkeypatch, {**ENCRYPTED[name], name: str(issuer.ca_file)})
    missing = tmp_path / "none.pem"
    said = fault_of(monkeypatch, {name: str(missing)})
    assert said == f"{name}: {missing} cannot be read: No such file or directory"
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    assert fault_of(monkeypatch, {name: str(empty)}) == f"{name}: {empty} holds no certificates"


@pytest.mark.parametrize("name", FILES)
def test_one_that_nothing_is_checked_with(monkeypatch: pytest.MonkeyPatch, issuer: Issuer, name: str) -> None:
    said = fault_of(monkeypatch, {**IN_CLEAR[name], name: str(issuer.ca_file)})
    assert said.startswith(f"{name}: only means something with ")


def test_the_drivers_are_told(monkeypatch: pytest.MonkeyPatch, issuer: Issuer) -> None:
    path = str(issuer.ca_file)
    settings = {**ENCRYPTED["DATABASE_CA_FILE"], **ENCRYPTED["REDIS_CA_FILE"]}
    config = config_with(monkeypatch, {**settings, "DATABASE_CA_FILE": path, "REDIS_CA_FILE": path})
    assert config.storage.effective_database_url == f"{DATABASE_URL}?ssl_ca={path}"
    assert config.redis_url == f"rediss://redis.example:6380/0?ssl_ca_certs={path}"
    more = config_with(monkeypatch, {"REDIS_URL": "rediss://redis.example/0?ssl_keyfile=k&ssl_certfile=c"})
    assert more.redis_url == f"rediss://redis.example/0?ssl_keyfile=k&ssl_certfile=c&ssl_ca_certs={path}"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, []),
        ({**IN_CLEAR["REDIS_CA_FILE"], **IN_CLEAR["S3_CA_FILE"]}, ["REDIS_URL", "S3_ENDPOINT_URL"]),
        ({"DATABASE_URL": DATABASE_URL}, ["DATABASE_URL"]),
        ({"DATABASE_URL": f"{DATABASE_URL}?ssl_ca=/etc/ssl/certs/ca-certificates.crt"}, []),
        ({"DATABASE_URL": "mysql+pymysql://u:p@127.0.0.1/v", "REDIS_URL": "redis://localhost/0"}, []),
        ({"REDIS_URL": "unix:///run/redis.sock", "S3_BUCKET": "on-aws"}, []),
        ({**ENCRYPTED["REDIS_CA_FILE"], **ENCRYPTED["S3_CA_FILE"]}, []),
        ({"REDIS_URL": "rediss://redis.example/0?ssl_cert_reqs=none"}, ["REDIS_URL"]),
        ({"REDIS_URL": "rediss://redis.example/0?ssl_check_hostname=False"}, ["REDIS_URL"]),
        ({"REDIS_URL": "rediss://:ssl_cert_reqs=none@redis.example/0?ssl_cert_reqs=required"}, []),
        ({"DATABASE_URL": "mysql+pymysql://u:ssl_ca=x@db.example/ssl_ca"}, ["DATABASE_URL"]),
        ({"DATABASE_URL": f"{DATABASE_URL}?charset=utf8mb4&ssl_capath=/etc/ssl/certs"}, []),
        ({"DATABASE_URL": f"{DATABASE_URL}?ssl_ca=/ca.pem&ssl_check_hostname=no"}, ["DATABASE_URL"]),
        (
            {**ENCRYPTED["S3_CA_FILE"], "S3_PUBLIC_ENDPOINT_URL": "http://pictures.example"},
            ["S3_PUBLIC_ENDPOINT_URL"],
        ),
        ({**ENCRYPTED["S3_CA_FILE"], "S3_PUBLIC_ENDPOINT_URL": "https://pictures.example"}, []),
    ],
    ids=[
        "embedded",
        "plain",
        "unchecked",
        "checked by the address",
        "this machine",
        "socket, AWS",
        "public",
        "whoever answers",
        "whatever its name",
        "a password that says so",
        "a password and a name that say so",
        "a folder of certificates",
        "any of that issuer",
        "callers' own",
        "callers' own, encrypted",
    ],
)
def test_what_others_could_read_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], named: list[str]
) -> None:
    assert list(wires_in_clear(config_with(monkeypatch, settings))) == named


def test_production_says_it_when_it_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = {
        "ENVIRONMENT": "production",
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": "mysql+pymysql://u:of-ours@db.invalid/veilgate",
        "REDIS_URL": "redis://:of-ours@redis.invalid/0",
        "S3_BUCKET": "on-aws",
    }
    config = config_with(monkeypatch, settings)
    with capture_logs() as said, ExitStack() as stack, suppress(ConfigurationError):
        open_database(config, stack)
    named = [line["setting"] for line in said if line["event"] == "connection.in_clear"]
    assert named == ["DATABASE_URL", "REDIS_URL"]
