"""Secrets from HashiCorp Vault, from one place of a key-value engine of version 2. Read once, at the start.

`hvac` is optional (requirements-extras.txt) and only imported where VAULT_ADDR is set.
"""

TIMEOUT_S = 5.0


class VaultUnusable(ValueError):
    """Why nothing can be read from there: a line that names the setting to look at, and shows no secret."""


def read_secrets(address: str, *, token: str, secret_path: str) -> dict[str, str]:
    """Everything at `mount/path`, by its keys. Raises `VaultUnusable`."""
    try:
        import hvac  # type: ignore[import-untyped]
        from hvac.exceptions import (  # type: ignore[import-untyped]
            Forbidden,
            InvalidPath,
            VaultDown,
            VaultError,
        )
        from requests import RequestException, Timeout
    except ImportError as error:
        raise VaultUnusable("VAULT_ADDR: needs the package hvac; see requirements-extras.txt") from error

    mount, _, path = secret_path.partition("/")
    # Redirects are not followed: they would show the token to whom they lead to.
    client = hvac.Client(address, token, timeout=TIMEOUT_S, allow_redirects=False)
    try:
        answer = client.secrets.kv.v2.read_secret_version(
            path, mount_point=mount, raise_on_deleted_version=True
        )
    except Forbidden:
        reason = "VAULT_TOKEN: Vault does not let it read VAULT_SECRET_PATH"
    except InvalidPath:
        reason = "VAULT_SECRET_PATH: Vault has nothing there; it is mount/path of a KV engine of version 2"
    except VaultDown:
        reason = "VAULT_ADDR: Vault is sealed, or not ready"
    except Timeout:
        reason = f"VAULT_ADDR: Vault did not answer within {TIMEOUT_S:g} s"
    except VaultError as error:
        reason = f"VAULT_ADDR: Vault refused ({type(error).__name__})"
    except RequestException as error:
        reason = f"VAULT_ADDR: Vault cannot be reached ({type(error).__name__})"
    else:
        return _secrets_in(answer)
    finally:
        client.adapter.close()
    # Not from the library's error, which holds what was sent and answered.
    raise VaultUnusable(reason)


def _secrets_in(answer: object) -> dict[str, str]:
    outer = answer.get("data") if isinstance(answer, dict) else None
    found = outer.get("data") if isinstance(outer, dict) else None
    if not isinstance(found, dict):
        raise VaultUnusable("VAULT_ADDR: what answers there is no KV engine of version 2")
    for name, value in found.items():
        if not isinstance(value, str):
            raise VaultUnusable(f"VAULT_SECRET_PATH: {name} there is no text")
    return found
