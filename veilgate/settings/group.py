"""How a group of settings is read: from the environment, then `.env`, both also by way of secret files."""

from collections.abc import Mapping
from typing import Any, Self, cast

from pydantic import field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from veilgate.settings.secret_files import UnusableSecret, WithSecretFiles, secret_names


class Group(BaseSettings):
    """Settings that belong together. Frozen, and shows no secret in its `repr`."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    @classmethod
    def read(cls, elsewhere: Mapping[str, str]) -> Self:
        """The settings as environment, `.env` and files say; secrets that none of them gives are taken from
        `elsewhere`, by the same names. Raises `ValidationError`."""
        given = cls()
        missing = set(secret_names(cls)) - given.model_fields_set
        found: dict[str, Any] = {name: secret for name in missing if (secret := elsewhere.get(name.upper()))}
        return cls(**found) if found else given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - as the library calls it
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        read = (WithSecretFiles(cast(EnvSettingsSource, one)) for one in (env_settings, dotenv_settings))
        return (init_settings, *read)

    @field_validator("*", mode="before")
    @classmethod
    def _require_usable(cls, value: object) -> object:
        if isinstance(value, UnusableSecret):
            raise PydanticCustomError("secret", "{reason}", {"reason": value.reason})
        return value
