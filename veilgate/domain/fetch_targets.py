"""Web addresses that somebody outside wants fetched: taken apart once, and written anew from the parts.

Whoever connects uses the parts; that two readers of an address find two hosts in it cannot happen then.
"""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from veilgate.domain.addresses import Address, Reachable
from veilgate.domain.filenames import display_name
from veilgate.domain.rejections import UrlForbidden

LONGEST_URL = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NETLOC = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_LONGEST_NAME = 253
# A host whose last part is a number is an IPv4 address, or one of its odd spellings.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Their letters look alike; no honest label mixes them.
_LOOK_ALIKE_SCRIPTS = {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "COPTIC", "CHEROKEE"}
# What may stand in a path and a query as it is. `%` is among it: addresses come percent-encoded already.
_PLAIN_IN_PATH = "/%:@!$&'()*+,;=~"
_PLAIN_IN_QUERY = _PLAIN_IN_PATH + "?[]"


@dataclass(frozen=True, slots=True)
class FetchTarget:
    """`host` is a name in ASCII and lower case, or an address; `path` is percent-encoded, with the query."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def filename(self) -> str:
        """The last part of the path, to be shown."""
        last_part = self.path.partition("?")[0].rpartition("/")[2]
        return display_name(unquote(last_part))


def read_target(url: str, reachable: Reachable) -> FetchTarget:
    """Raises `UrlForbidden` for what is no address on the web, and for hosts and ports out of reach.

    Where a name leads is not known here: that is checked when it is resolved.
    """
    _require_plain(url)
    try:
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise UrlForbidden("Only addresses with http:// or https:// are fetched.")
        host, port, address = _machine(parts)
        path = _path(parts)
    except ValueError as error:
        raise UrlForbidden("This is not an address that can be fetched.") from error
    if not reachable.has_port(port):
        raise UrlForbidden("Addresses with this port are not fetched.")
    if address is not None and not reachable.includes(address, port):
        raise UrlForbidden
    return FetchTarget(parts.scheme, host, port, path, address)


def redirected(target: FetchTarget, location: str, reachable: Reachable) -> FetchTarget:
    """Where `target` sends us on to. Raises `UrlForbidden`, also for a way from https to http."""
    _require_plain(location)
    try:
        url = urljoin(target.url, location)
    except ValueError as error:
        raise UrlForbidden("The address leads to one that cannot be fetched.") from error
    onward = read_target(url, reachable)
    if target.scheme == "https" and onward.scheme == "http":
        raise UrlForbidden("The address leads from https to http.")
    return onward


def _require_plain(url: str) -> None:
    if len(url) > LONGEST_URL:
        raise UrlForbidden(f"An address may have at most {LONGEST_URL} characters.")
    # Backslashes are slashes to some readers and not to others.
    if not url or not url.isprintable() or any(letter.isspace() or letter == "\\" for letter in url):
        raise UrlForbidden("An address has no spaces, control characters or backslashes.")


def _machine(parts: SplitResult) -> tuple[str, int, Address | None]:
    """Host and port, and the address if the host is one. Raises `UrlForbidden` or `ValueError`."""
    if "@" in parts.netloc:
        raise UrlForbidden("Addresses with a user name or a password are not fetched.")
    found = _NETLOC.fullmatch(parts.netloc)
    if found is None:
        raise UrlForbidden("The address names no host.")
    port = int(found["port"] or _DEFAULT_PORTS[parts.scheme])
    if found["v6"] is not None:
        address = IPv6Address(found["v6"])
        return str(address), port, address
    name = _ascii_name(found["name"])
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        # Raises for 127.1, 0x7f.1, 0177.0.0.1 and 2130706433, which resolvers take for 127.0.0.1.
        return name, port, IPv4Address(name)
    return name, port, None


def _ascii_name(name: str) -> str:
    """As it is looked up, without the dot at the end. Raises `UrlForbidden` or `ValueError`."""
    if not name.isascii():
        _require_one_script_a_label(name)
        # Imported for the few names that need it: its tables take a megabyte.
        import idna

        name = idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    name = name.lower().removesuffix(".")
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise UrlForbidden("The address names no host.")
    return name


def _require_one_script_a_label(name: str) -> None:
    for label in name.split("."):
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in label if letter.isalpha()}
        if len(scripts & _LOOK_ALIKE_SCRIPTS) > 1:
            raise UrlForbidden("The host's name mixes letters of scripts that look alike.")


def _path(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe=_PLAIN_IN_PATH)
    return f"{path}?{quote(parts.query, safe=_PLAIN_IN_QUERY)}" if parts.query else path
