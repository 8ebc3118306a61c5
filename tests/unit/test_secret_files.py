"""Secrets in files: NAME_FILE says where a secret setting NAME is."""

from pathlib import Path

import pytest

from config import Config
from tests.unit.test_settings import lines_for
from veilgate.cli.up import _read_plan
from veilgate.settings import groups
from veilgate.settings.secret_files import LARGEST_FILE_BYTES

SECRETS = {
    "AWS_ACCESS_KEY_ID": "id-of-nobody",
    "AWS_SECRET_ACCESS_KEY": "pässword with spaces",
    "AWS_SESSION_TOKEN": "token",
    "DATABASE_URL": "mysql+pymysql://u:secret-of-ours@db/v",
    "REDIS_URL": "redis://:secret-too@redis:6379/0",
    "JWT_SECRET": "s" * 32,
    "VAULT_TOKEN": "t",
    "MILVUS_TOKEN": "root:secret",
    "GOOGLE_VISION_API_KEY": "key of vision",
    "SERPAPI_API_KEY": "key of serpapi",
    "EBAY_CLIENT_SECRET": "PRD-secret",
    "AZURE_VISION_KEY": "key of azure",
    "VISION_MODEL_API_KEY": "sk-secret",
}
TOKENS = {"JWT_ISSUER": "us", "JWT_AUDIENCE": "you"}
WITH_THEM = {
    **TOKENS,
    "EBAY_CLIENT_ID": "app-id",
    "AZURE_VISION_ENDPOINT": "https://name.cognitiveservices.azure.com",
    "VISION_MODEL_URL": "https://api.openai.com/v1",
    "VISION_MODEL_NAME": "a-model",
}


def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **contents: bytes) -> None:
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))


def values(config: Config) -> dict[str, str]:
    return {
        name: getattr(group, name.lower()).get_secret_value()
        for group in (
            config.storage,
            config.queue,
            config.access,
            config.vault,
            config.search,
            config.lookups,
        )
        for name in SECRETS
        if name.lower() in type(group).model_fields
    }


def test_every_secret_setting_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {
        name.upper()
        for group in groups.GROUPS
        for name, field in group.model_fields.items()
        if "Secret" in str(field.annotation)
    }
    assert secret == set(SECRETS), "a new secret needs a line here"
    files(tmp_path, monkeypatch, **{name: text.encode() for name, text in SECRETS.items()})
    assert lines_for(monkeypatch, **WITH_THEM) == ()
    assert values(Config()) == SECRETS


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b" se cret \n\n", " se cret \n"),
    ],
)
def test_one_line_end_is_no_part_of_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, read: str
) -> None:
    files(tmp_path, monkeypatch, AWS_SESSION_TOKEN=content)
    assert Config().storage.aws_session_token.get_secret_value() == read


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"tell-nobody" * LARGEST_FILE_BYTES, "is larger than 65536 bytes"),
        (b"tell-nobody\xff", "is no UTF-8 text"),
    ],
    ids=("empty", "newline", "large", "binary"),
)
def test_a_file_of_no_use_is_named_without_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    files(tmp_path, monkeypatch, JWT_SECRET=content)
    [line] = lines_for(monkeypatch, **TOKENS)
    assert line == f"JWT_SECRET: its file {tmp_path / 'JWT_SECRET'} {said}"


@pytest.mark.parametrize(
    ("path", "said"), [("/nowhere/{}", "No such file"), ("/", "Is a directory"), ("/dev/null", "is empty")]
)
def test_a_file_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch, path: str, said: str) -> None:
    [line] = lines_for(monkeypatch, DATABASE_URL_FILE=path)
    assert line.startswith(f"DATABASE_URL: its file {path} ")
    assert said in line


def test_what_is_wrong_with_a_file_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_for(monkeypatch, DATABASE_URL_FILE="/nowhere", DATABASE_POOL_SIZE="0", PORT="0")
    assert sorted(line.partition(":")[0] for line in lines) == ["DATABASE_POOL_SIZE", "DATABASE_URL", "PORT"]


def test_both_is_one_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, monkeypatch, REDIS_URL=b"redis://:tell-nobody@redis")
    [line] = lines_for(monkeypatch, REDIS_URL="redis://:tell-nobody@redis")
    assert line == "REDIS_URL: is set, and so is REDIS_URL_FILE; set one"


def test_an_empty_name_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, monkeypatch, REDIS_URL=b"redis://:from-file@redis")
    assert lines_for(monkeypatch, REDIS_URL="", DATABASE_URL_FILE="") == ()
    assert Config().redis_url == "redis://:from-file@redis"


def test_dotenv_may_name_files_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "redis").write_text("redis://:from-file@redis\n")
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / ".env").write_text(
        f"REDIS_URL_FILE={tmp_path / 'redis'}\nAWS_SESSION_TOKEN_FILE={tmp_path / 'token'}\n"
    )
    for group in groups.GROUPS:
        monkeypatch.setitem(group.model_config, "env_file", str(tmp_path / ".env"))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "from-environment")
    config = Config()
    assert config.redis_url == "redis://:from-file@redis"
    assert config.storage.aws_session_token.get_secret_value() == "from-environment"


def test_what_is_no_secret_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines_for(monkeypatch, PORT_FILE="/nowhere") == ()


def test_a_house_hands_on_where_its_secrets_are_and_not_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(tmp_path, monkeypatch, REDIS_URL=b"redis://:tell-nobody@redis")
    env = _read_plan().env()
    assert env["REDIS_URL_FILE"] == str(tmp_path / "REDIS_URL")
    assert "REDIS_URL" not in env
