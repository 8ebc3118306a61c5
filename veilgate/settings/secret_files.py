"""Secrets in files: wherever a secret setting NAME may stand, NAME_FILE may stand and say where it is.

So Docker and Kubernetes hand out secrets, and so nobody who may list processes or containers sees them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

LARGEST_FILE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class UnusableSecret:
    """Stands in the place of a secret that could not be read; `reason` shows nothing of it."""

    reason: str


class WithSecretFiles(PydanticBaseSettingsSource):
    """What a source says, be it the environment or `.env`, with the secrets that it says are in files."""

    def __init__(self, source: EnvSettingsSource) -> None:
        super().__init__(source.settings_cls)
        self._source = source

    def __call__(self) -> dict[str, Any]:
        values = self._source()
        for name in secret_names(self.settings_cls):
            path = self._source.env_vars.get(f"{name}_file")
            if path and values.get(name):
                values[name] = UnusableSecret(f"is set, and so is {name.upper()}_FILE; set one")
            elif path:
                values[name] = _read(Path(path))
        return values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._source.get_field_value(field, field_name)


def secret_names(settings: type[BaseSettings]) -> list[str]:
    return [name for name, field in settings.model_fields.items() if field.annotation is SecretStr]


def _read(path: Path) -> str | UnusableSecret:
    """The text of the file, without the line's end that editors and `echo` leave."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            return UnusableSecret(f"its file {path} is larger than {LARGEST_FILE_BYTES} bytes")
        text = content.decode()
    except UnicodeDecodeError:
        return UnusableSecret(f"its file {path} is no UTF-8 text")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        return UnusableSecret(f"its file {path} cannot be read: {reason or type(error).__name__}")
    text = text.removesuffix("\n").removesuffix("\r")
    return text or UnusableSecret(f"its file {path} is empty")
