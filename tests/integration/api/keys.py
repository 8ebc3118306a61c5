"""Keys for a gateway, made as `veilgate keys create` makes them, without a process for each."""

from pathlib import Path
from typing import Any

from tests.integration.api.gateway import Gateway
from veilgate.domain.access import Scope
from veilgate.services.access.keys import Keys

Headers = dict[str, str]


def key_text(gateway: Gateway, owner: str, *scopes: Scope) -> str:
    """A new key, with every scope unless some are named."""
    return Keys(gateway.database, actor="cli:tests").create(owner, frozenset(scopes or Scope)).text


def make_key(gateway: Gateway, owner: str, *scopes: Scope) -> Headers:
    """The header that shows a new key."""
    return {"Authorization": f"Bearer {key_text(gateway, owner, *scopes)}"}


class LockedGateway(Gateway):
    """A gateway that lets nobody in without a key, and would not start without one."""

    def __init__(self, data_dir: Path, redis_url: str, **settings: Any) -> None:
        super().__init__(data_dir, redis_url, ALLOW_ANONYMOUS="0", **settings)

    def start(self) -> None:
        key_text(self, "operator")
        super().start()


def secret_of(key: str) -> str:
    """The part of a key, or of a cookie, that nobody may see."""
    return key.split("_", 2)[2]
