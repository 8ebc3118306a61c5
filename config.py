"""The settings as a whole: read once, and checked against each other.

Only the roots read this module; everything below them is handed plain values.
"""

import os
import sys
from functools import lru_cache

from pydantic import ValidationError

from veilgate.settings.checks import contradictions
from veilgate.settings.groups import (
    GROUPS,
    AccessSettings,
    ModelSettings,
    QueueSettings,
    ServerSettings,
    StorageSettings,
    TelemetrySettings,
    VaultSettings,
    WorkerSettings,
)
from veilgate.settings.lookups import LookupSettings, WebhookSettings
from veilgate.settings.search import SearchSettings
from veilgate.settings.secret_files import secret_names
from veilgate.settings.vault import VaultUnusable, read_secrets


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
    search: SearchSettings
    lookups: LookupSettings
    webhooks: WebhookSettings
    access: AccessSettings
    vault: VaultSettings
    telemetry: TelemetrySettings

    def __init__(self) -> None:
        wrong: list[str] = []
        unread: set[str] = set()
        elsewhere: dict[str, str] = {}
        try:
            elsewhere = _from_vault()
        except VaultUnusable as error:
            wrong.append(str(error))
            # Any of them may be there.
            unread |= {name.upper() for group in GROUPS for name in secret_names(group)}
        for name, group in zip(_GROUP_NAMES, GROUPS, strict=True):
            try:
                setattr(self, name, group.read(elsewhere))
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


def _from_vault() -> dict[str, str]:
    """Raises `VaultUnusable`."""
    try:
        vault = VaultSettings()
    except ValidationError:  # said when its group is read
        return {}
    if not vault.vault_addr:
        return {}
    token = vault.vault_token.get_secret_value()
    for name, value in (("VAULT_TOKEN", token), ("VAULT_SECRET_PATH", vault.vault_secret_path)):
        if not value:
            raise VaultUnusable(f"{name}: must be set with VAULT_ADDR")
    return read_secrets(vault.vault_addr, token=token, secret_path=vault.vault_secret_path)


def _line(location: tuple[int | str, ...], message: str) -> str:
    return f"{str(location[0]).upper()}: {message[0].lower()}{message[1:]}"


_GROUP_NAMES = (
    "server",
    "storage",
    "queue",
    "worker",
    "models",
    "search",
    "lookups",
    "webhooks",
    "access",
    "vault",
    "telemetry",
)


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
