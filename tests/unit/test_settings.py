"""Settings: everything wrong is said at once, and production refuses what is for trying out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import Config, WrongSettings
from veilgate.settings.checks import Encryption

SERVICE = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "mysql+pymysql://veilgate:s3cr3t-of-ours@db/veilgate",
    "REDIS_URL": "redis://:s3cr3t-too@redis:6379/0",
    "S3_BUCKET": "pictures",
}
TOKENS = {"JWT_ISSUER": "https://id.example", "JWT_AUDIENCE": "veilgate"}


def lines_for(monkeypatch: pytest.MonkeyPatch, **settings: str) -> tuple[str, ...]:
    """What is wrong with these settings."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    try:
        Config()
    except WrongSettings as wrong:
        return wrong.lines
    return ()


def test_the_defaults_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines_for(monkeypatch) == ()


def test_every_wrong_setting_of_every_group_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "PORT": "70000",
        "DATABASE_POOL_SIZE": "0",
        "JOB_LEASE_S": "soon",
        "MAX_CHUNK": "65",
        "FACE_CONFIDENCE_THRESHOLD": "1.5",
        "LOG_LEVEL": "LOUD",
    }
    lines = lines_for(monkeypatch, **wrong)
    assert [line.partition(":")[0] for line in lines] == list(wrong)


def test_what_is_wrong_by_itself_does_not_hide_what_is_wrong_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = lines_for(monkeypatch, PORT="70000", S3_ENDPOINT_URL="http://minio:9000")
    assert [line.partition(":")[0] for line in lines] == ["PORT", "S3_ENDPOINT_URL"]


def test_nothing_is_said_twice_of_a_group_that_could_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_for(monkeypatch, **{**SERVICE, "DATABASE_POOL_SIZE": "0"})
    assert [line.partition(":")[0] for line in lines] == ["DATABASE_POOL_SIZE"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DATABASE_URL": "postgresql://a@b/c"}, "DATABASE_URL: must begin with"),
        ({"DATABASE_URL": "mysql://a@b/c"}, "DATABASE_URL: must begin with mysql+pymysql://"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL: must begin with"),
        ({"FETCH_ALLOW": "10.0.0.0/8:8080, shop:80"}, "FETCH_ALLOW: 'shop:80' is not a network"),
        ({"FETCH_ALLOW": "10.0.0.1/8"}, "FETCH_ALLOW: 10.0.0.1/8 has host bits set"),
        ({"S3_BUCKET": "b", "S3_ENDPOINT_URL": "minio:9000"}, "S3_ENDPOINT_URL: must begin with"),
        ({"S3_ENDPOINT_URL": "http://minio:9000"}, "S3_ENDPOINT_URL: S3_BUCKET is not set"),
        ({"AWS_ACCESS_KEY_ID": "id"}, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: set both"),
        ({"S3_KMS_KEY_ID": "key"}, "S3_KMS_KEY_ID: only means something"),
        ({"DATABASE_URL": "mysql+pymysql://u:a[b@h/d"}, "DATABASE_URL: must begin with"),
        ({"DATABASE_URL": "mysql+pymysql://u:p@h:port/d"}, "DATABASE_URL: must begin with"),
        ({"DATABASE_URL": "mysql+pymysql://u:p@h"}, "DATABASE_URL: names no database"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL: names no database"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL: names no database"),
        ({"REDIS_URL": "redis://[half"}, "REDIS_URL: must begin with"),
        ({"CORS_ALLOW_ORIGINS": "https://a.example, *"}, "CORS_ALLOW_ORIGINS: '*' is no origin"),
        ({"CORS_ALLOW_ORIGINS": "https://a.example/"}, "CORS_ALLOW_ORIGINS: 'https://a.example/' is"),
        ({"TRUSTED_PROXIES": "10.0.0.1, proxy"}, "TRUSTED_PROXIES: 'proxy' is no address"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES: '0.0.0.0/0' would believe"),
        ({**TOKENS, "JWT_SECRET": "s" * 31}, "JWT_SECRET: must have 32 bytes"),
        (
            {**TOKENS, "JWT_SECRET": "s" * 32, "JWT_JWKS_URL": "https://id.example/keys"},
            "JWT_SECRET, JWT_JWKS_URL: set one",
        ),
        ({**TOKENS, "JWT_SECRET": "s" * 32, "JWT_ISSUER": ""}, "JWT_ISSUER: must be set"),
        ({**TOKENS, "JWT_JWKS_URL": "http://id/keys", "JWT_AUDIENCE": ""}, "JWT_AUDIENCE: must be set"),
        ({**TOKENS, "JWT_JWKS_URL": "file:///etc/keys.json"}, "JWT_JWKS_URL: must begin with"),
        ({**TOKENS, "JWT_JWKS_URL": "id.example/keys"}, "JWT_JWKS_URL: must begin with"),
        ({**TOKENS, "JWT_JWKS_URL": "https:///keys"}, "JWT_JWKS_URL: must begin with"),
    ],
)
def test_settings_that_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str
) -> None:
    (line,) = lines_for(monkeypatch, **settings)
    assert line.startswith(said)


def test_a_service_may_run_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines_for(monkeypatch, **SERVICE) == ()


@pytest.mark.parametrize("signed", [{"JWT_SECRET": "ß" * 16}, {"JWT_JWKS_URL": "https://id.example/keys"}])
def test_a_service_may_take_tokens(monkeypatch: pytest.MonkeyPatch, signed: dict[str, str]) -> None:
    assert lines_for(monkeypatch, **SERVICE, **TOKENS, **signed) == ()


def test_production_refuses_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_for(monkeypatch, ENVIRONMENT="production")
    assert [line.partition(":")[0] for line in lines] == ["DATABASE_URL", "REDIS_URL", "S3_BUCKET"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "sqlite:////var/lib/veilgate.db"),
        ("DATABASE_URL", "mysql+pymysql://veilgate:veilgate@db/veilgate"),
        ("DATABASE_URL", "mysql+pymysql://veilgate@db/veilgate"),
        ("DATABASE_URL", "mysql+pymysql://veilgate:%76eilgate@db/veilgate"),
        ("REDIS_URL", "redis://:changeme@redis"),
        ("AWS_SECRET_ACCESS_KEY", "minioadmin"),
        ("FACE_DETECTION_MODEL_PATH", "fake"),
        ("LOG_LEVEL", "DEBUG"),
        ("JWT_JWKS_URL", "http://id.example/keys"),
    ],
)
def test_production_refuses_what_is_for_trying_out(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s3cr3t-as-well"}
    (line,) = lines_for(monkeypatch, **{**SERVICE, **TOKENS, **keys, name: value})
    assert line.startswith(name)


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tell-nobody")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://u:tell-nobody@db/v")
    monkeypatch.setenv("REDIS_URL", "redis://:tell-nobody@redis")
    for name, value in {**TOKENS, "JWT_SECRET": "tell-nobody" * 3}.items():
        monkeypatch.setenv(name, value)
    assert "tell-nobody" not in repr(vars(Config()))
    lines = lines_for(monkeypatch, DATABASE_URL="mysql://u:tell-nobody@db/v", PORT="0")
    assert "tell-nobody" not in "".join(lines)


def test_empty_means_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("S3_SERVER_SIDE_ENCRYPTION", "")
    assert Config().server.port == 8000
    assert Config().storage.s3_server_side_encryption is Encryption.BUCKET


@pytest.mark.parametrize(
    "command",
    [["api_server.py"], ["worker.py", "images"], ["worker.py", "reconciler"], ["init_database.py"]],
    ids=" ".join,
)
def test_every_process_says_it_and_ends(command: list[str], repository_root: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=repository_root,
        env={**os.environ, "DATA_DIR": str(tmp_path), "PORT": "70000", "MAX_CHUNK": "many"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == os.EX_CONFIG
    assert ended.stderr.splitlines()[0] == "veilgate: these settings are wrong:"
    assert len(ended.stderr.splitlines()) == 3, ended.stderr
    assert "PORT: " in ended.stderr
    assert "MAX_CHUNK: " in ended.stderr
