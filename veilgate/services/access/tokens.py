"""JSON Web Tokens of an identity provider: who they stand for, and what those may do.

How a token is signed is decided by the settings and by the key, never by the token. Of what its header
says only the name of the key is used, to look it up among those we have.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from veilgate.domain.access import EVERY_SCOPE, Caller, Scope, owner_of_subject
from veilgate.domain.errors import Unauthorized
from veilgate.services.access.access import Found
from veilgate.services.access.published_keys import PublishedKeys
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_LARGEST_TOKEN = 8192
_LEEWAY_S = 30
_REQUIRED = ("exp", "iat", "iss", "aud", "sub")
_TIMES = ("exp", "iat", "nbf")
_LEAST_RSA_BITS = 2048
# What a key of each type signs with, and the members that make it: of a key that was published with its
# private part by mistake only the public one is taken.
_ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


@dataclass(frozen=True, slots=True)
class _TokenKey:
    key: Any
    algorithm: str


class Tokens:
    """Takes tokens signed with `secret` (HS256), or with the keys published at `jwks_url` when there is no
    secret (RS256, ES256, EdDSA)."""

    def __init__(self, *, secret: str, jwks_url: str, issuer: str, audience: str) -> None:
        self._secret = _TokenKey(secret, "HS256") if secret else None
        self._published = PublishedKeys(jwks_url, _published_keys)
        self._issuer = issuer
        self._audience = audience

    def identify(self, token: str) -> Found:
        """Whoever the token's subject is, until it expires. Raises `Unauthorized`; what is wrong with the
        token only the log says. Asks the provider for keys, and so may take some seconds."""
        if len(token) > _LARGEST_TOKEN:
            raise Unauthorized
        try:
            claims = self._verified(token)
            owner_id = owner_of_subject(claims["sub"])
            left_s = claims["exp"] + _LEEWAY_S - time.time()
        # Whatever a stranger's bytes bring the parsers to raise.
        except Exception as error:
            _log.debug("tokens.refused", reason=type(error).__name__)
            raise Unauthorized from error
        return Found(Caller(owner_id, _scopes(claims), f"jwt:{owner_id}"), left_s)

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims of a good token; raises anything for another."""
        header = jwt.get_unverified_header(token)
        if "crit" in header:
            raise jwt.InvalidTokenError("it needs what nobody here understands")
        key = self._secret or self._published.find(header["kid"])
        if key is None:
            raise jwt.InvalidKeyError("nobody published this key")
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            options={"require": list(_REQUIRED)},
            issuer=self._issuer,
            audience=self._audience,
            leeway=_LEEWAY_S,
        )
        # The library takes "1700000000" for a number, and true for 1.
        if any(type(claims[name]) not in {int, float} for name in _TIMES if name in claims):
            raise jwt.InvalidTokenError("a time is no number")
        if not claims["sub"]:
            raise jwt.InvalidTokenError("nobody's name is empty")
        return claims


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """Providers write them as one text or as a list, under either name."""
    granted: set[Scope] = set()
    for claim in (claims.get("scope"), claims.get("scp")):
        words: Iterable[Any] = claim.split() if isinstance(claim, str) else claim or ()
        if isinstance(words, list):
            granted |= {Scope(word) for word in words if isinstance(word, str) and word in EVERY_SCOPE}
    return frozenset(granted)


def _published_keys(entries: list[Any]) -> dict[str, _TokenKey]:
    """The entries that can be used, by their ids; of those with the same id the first."""
    found: dict[str, _TokenKey] = {}
    for entry in entries:
        key = _token_key(entry) if isinstance(entry, dict) else None
        if key and isinstance(entry.get("kid"), str):
            found.setdefault(entry["kid"], key)
    return found


def _token_key(entry: dict[str, Any]) -> _TokenKey | None:
    kind = str(entry.get("kty"))
    curve = None if kind == "RSA" else entry.get("crv")
    try:
        algorithm = _ALGORITHMS[kind, curve]
        if entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
            return None
        public = {"kty": kind, **{member: entry[member] for member in _MEMBERS[kind]}}
        key = jwt.PyJWK(public, algorithm).key
    except Exception:  # noqa: BLE001 - one entry that is odd in whatever way must not cost us the others
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        return None
    return _TokenKey(key, algorithm)
