"""How the house reaches its servers: encrypted or not, and who vouches for them."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

if TYPE_CHECKING:
    from config import Config

_NO = {"0", "f", "false", "n", "no", "off"}


class _Wire(NamedTuple):
    """One server of the house. `needs`: what makes its connection one that certificates can vouch for."""

    setting: str
    address: str
    ca_setting: str
    ca_file: str
    is_encrypted: bool
    needs: str


def with_query(url: str, name: str, value: str) -> str:
    """The address with one more parameter for the driver, unless that is empty."""
    return f"{url}{'&' if '?' in url else '?'}{name}={quote(value)}" if value else url


def wrong_ca_files(config: "Config") -> Iterator[str]:
    """A line for each file of certificates that is of no use."""
    for wire in _wires(config):
        if not wire.ca_file:
            continue
        if not wire.is_encrypted:
            yield f"{wire.ca_setting}: only means something with {wire.needs}"
        elif fault := _fault_of(wire.ca_file):
            yield f"{wire.ca_setting}: {fault}"


def wires_in_clear(config: "Config") -> Iterator[str]:
    """The settings that lead to another machine over a connection that anybody between may read."""
    for wire in _wires(config):
        if not (wire.is_encrypted and _is_checked(wire)) and _is_another_machine(wire.address):
            yield wire.setting


def _wires(config: "Config") -> Iterator[_Wire]:
    storage, queue = config.storage, config.queue
    database_url = storage.effective_database_url
    yield _Wire(
        "DATABASE_URL",
        database_url,
        "DATABASE_CA_FILE",
        storage.database_ca_file,
        is_encrypted=not database_url.startswith("sqlite:"),
        needs="DATABASE_URL=mysql+pymysql://…",
    )
    redis_url = queue.redis_url.get_secret_value()
    yield _Wire(
        "REDIS_URL",
        redis_url,
        "REDIS_CA_FILE",
        queue.redis_ca_file,
        is_encrypted=redis_url.startswith("rediss://"),
        needs="REDIS_URL=rediss://…",
    )
    yield _Wire(
        "S3_ENDPOINT_URL",
        storage.s3_endpoint_url,
        "S3_CA_FILE",
        storage.s3_ca_file,
        is_encrypted=storage.s3_endpoint_url.startswith("https://"),
        needs="S3_ENDPOINT_URL=https://…",
    )
    public_url = storage.s3_public_endpoint_url
    yield _Wire(
        "S3_PUBLIC_ENDPOINT_URL",
        public_url,
        "",  # it is callers who go there
        "",
        is_encrypted=public_url.startswith("https://"),
        needs="",
    )


def _is_checked(wire: _Wire) -> bool:
    """Whether who answers must show a certificate, with the name that was asked for, as drivers read it."""
    told = {name: value.lower() for name, value in parse_qsl(urlsplit(wire.address).query)}
    # Without certificates the driver of databases encrypts where it can, and believes whoever answers.
    checks = wire.setting != "DATABASE_URL" or "ssl_ca" in told or "ssl_capath" in told
    is_waived = told.get("ssl_cert_reqs") == "none" or told.get("ssl_check_hostname") in _NO
    return checks and not is_waived


def _is_another_machine(address: str) -> bool:
    try:
        host = urlsplit(address).hostname
        return bool(host) and not ip_address(str(host)).is_loopback
    except ValueError:
        return host != "localhost"


def _fault_of(ca_file: str) -> str:
    import ssl  # 10 ms, which most starts need not wait for

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
    except ssl.SSLError:
        return f"{ca_file} holds no certificates"
    except OSError as error:
        return f"{ca_file} cannot be read: {error.strerror}"
    return ""
