"""The settings as a whole: read once, and checked against each other.

Only the roots read this module; everything below them is handed plain values.
"""

import os
import sys
from functools import lru_cache

from pydantic import ValidationError

from config_checks import contradictions
from config_groups import (
    GROUPS,
    AccessSettings,
    ModelSettings,
    QueueSettings,
    ServerSettings,
    StorageSettings,
    TelemetrySettings,
    WorkerSettings,
)


class WrongSettings(ValueError):
    """Everything that is wrong with the settings, a line each; none of them shows a secret."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n  ".join(["these settings are wrong:", *lines]))
        self.lines = tuple(lines)


class Config:
    """All groups, read once. Raises `WrongSettings` with everything that is wrong."""

    server: ServerSettings
    storage: StorageSettings
    queue: QueueSettings
    worker: WorkerSettings
    models: ModelSettings
    access: AccessSettings
    telemetry: TelemetrySettings

    def __init__(self) -> None:
        wrong: list[str] = []
        unread: set[str] = set()
        for name, group in zip(_GROUP_NAMES, GROUPS, strict=True):
            try:
                setattr(self, name, group())
            except ValidationError as error:
                wrong += [_line(entry["loc"], entry["msg"]) for entry in error.errors()]
                # Its defaults, so that the others can be judged; of its own settings nothing more is said.
                setattr(self, name, group.model_construct())
                unread |= {field.upper() for field in group.model_fields}
        wrong += [line for line in contradictions(self) if line.partition(":")[0] not in unread]
        if wrong:
            raise WrongSettings(wrong)

    @property
    def redis_url(self) -> str:
        return self.queue.url_for(self.storage.data_dir)


def _line(location: tuple[int | str, ...], message: str) -> str:
    return f"{str(location[0]).upper()}: {message[0].lower()}{message[1:]}"


_GROUP_NAMES = ("server", "storage", "queue", "worker", "models", "access", "telemetry")


@lru_cache(maxsize=1)
def get_config() -> Config:
    return Config()


def require_config() -> Config:
    """For a root's start: the settings, or the end of the process with everything that is wrong with them."""
    try:
        return get_config()
    except WrongSettings as wrong:
        sys.stderr.write(f"veilgate: {wrong}\n")
        sys.exit(os.EX_CONFIG)
