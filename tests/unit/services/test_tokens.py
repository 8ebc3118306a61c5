"""JSON Web Tokens: the good ones, and every way that is known to make one look good."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fixtures.identity_provider import IdentityProvider, identity_provider
from veilgate.domain.access import Scope
from veilgate.domain.errors import Unauthorized
from veilgate.services.access.access import Found
from veilgate.services.access.tokens import Tokens

SECRET = "a secret of thirty-two bytes or more"
HOUSE = {"issuer": "https://id.example", "audience": "veilgate"}


def claims(**others: Any) -> dict[str, Any]:
    now_s = int(time.time())
    given = {"iss": "https://id.example", "aud": "veilgate", "sub": "alice", "iat": now_s, "exp": now_s + 60}
    return {name: value for name, value in {**given, **others}.items() if value is not ...}


@lru_cache(maxsize=1)
def private_keys() -> dict[str, Any]:
    return {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        "other": rsa.generate_private_key(65537, 2048),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
        "weak": rsa.generate_private_key(65537, 1024),  # noqa: S505 - that is what it is for
    }


def published(name: str, **others: Any) -> dict[str, Any]:
    kind = {"R": "RS256", "o": "RS256", "w": "RS256", "E": "EdDSA" if name == "EdDSA" else "ES256"}[name[0]]
    algorithm: Any = jwt.get_algorithm_by_name("ES384" if name == "ES384" else kind)
    key: dict[str, Any] = algorithm.to_jwk(private_keys()[name].public_key(), as_dict=True)
    key.pop("key_ops", None)
    return {"kid": name, **key, **others}


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    odd: list[Any] = [
        None,
        7,
        {},
        {"kid": "oct", "kty": "oct", "k": "AAAA"},
        {"kty": [], "crv": {}},
        {"kty": "RSA", "n": 1},
    ]
    keys = [published(name) for name in ("RS256", "ES256", "EdDSA", "ES384", "weak")]
    keys += [published("other", kid="encrypts", use="enc"), published("other", kid="says", alg="RS512")]
    keys += [published("other", kid="RS256"), published("other", kid=7)]
    with identity_provider(*odd, *keys) as provider:
        yield provider


@pytest.fixture
def by_keys(provider: IdentityProvider) -> Tokens:
    return Tokens(secret="", jwks_url=provider.url, **HOUSE)


@pytest.fixture
def by_secret() -> Tokens:
    return Tokens(secret=SECRET, jwks_url="", **HOUSE)


def refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(Unauthorized) as refusal:
        tokens.identify(token)
    assert refusal.value.message == Unauthorized().message, "whatever is wrong"


def hs256(payload: dict[str, Any], **headers: Any) -> str:
    return jwt.encode(payload, SECRET, "HS256", headers=headers or None)


def signed(algorithm: str, payload: dict[str, Any], *, key: str = "", **headers: Any) -> str:
    kid = {"kid": algorithm, **headers}
    return jwt.encode(payload, private_keys()[key or algorithm], algorithm, headers=kid)


def by_hand(header: object, payload: object, secret: bytes = SECRET.encode()) -> str:
    """A token that no library would make."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    text = ".".join(_base64(part) for part in parts)
    return f"{text}.{_base64(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_a_good_token_is_its_subject(by_secret: Tokens) -> None:
    found = by_secret.identify(hs256(claims(scope="upload read openid")))
    assert (found.caller.owner_id, found.caller.credential_id) == ("alice", "jwt:alice")
    assert found.caller.scopes == {Scope.UPLOAD, Scope.READ}
    assert 80 < found.left_s <= 90, "30 seconds for clocks that differ"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_every_kind_of_published_key(by_keys: Tokens, algorithm: str) -> None:
    assert by_keys.identify(signed(algorithm, claims())).caller.owner_id == "alice"
    refused(by_keys, signed(algorithm, claims(), kid="nobody's"))
    token = signed(algorithm, claims())
    head, body, signature = token.split(".")
    forged = _base64(json.dumps(claims(sub="root")).encode())
    for spoiled in (f"{head}.{forged}.{signature}", f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}AAAA"):
        refused(by_keys, spoiled)


@pytest.mark.parametrize(
    ("subject", "owner"),
    [("alice", "alice"), ("anonymous", "sub-"), ("a b", "sub-"), ("auth0|1", "sub-"), ("x" * 200, "sub-")],
)
def test_owners_of_subjects(by_secret: Tokens, subject: str, owner: str) -> None:
    caller = by_secret.identify(hs256(claims(sub=subject))).caller
    assert caller.owner_id.startswith(owner)
    assert len(caller.owner_id) <= 36
    assert caller.owner_id != "anonymous"


@pytest.mark.parametrize(
    ("granted", "scopes"),
    [
        ({}, set()),
        ({"scope": ""}, set()),
        ({"scope": "read  admin"}, {Scope.READ, Scope.ADMIN}),
        ({"scp": ["read", "openid", 7, None, ["admin"]]}, {Scope.READ}),
        ({"scp": "originals"}, {Scope.ORIGINALS}),
        ({"scope": "upload", "scp": ["read"]}, {Scope.UPLOAD, Scope.READ}),
        ({"scope": 7, "scp": {"admin": True}}, set()),
        ({"scope": "READ read,admin"}, set()),
    ],
)
def test_scopes(by_secret: Tokens, granted: dict[str, Any], scopes: set[Scope]) -> None:
    assert by_secret.identify(hs256(claims(**granted))).caller.scopes == scopes


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    **{f"without {name}": {name: ...} for name in ("exp", "iat", "iss", "aud", "sub")},
    **{f"{name} is null": {name: None} for name in ("exp", "iat", "iss", "aud", "sub")},
    **{f"{name} as text": {name: "1"} for name in ("iat", "nbf")},
    "exp as text": {"exp": str(int(time.time()) + 3600)},
    "exp is true": {"exp": True},
    "exp is a list": {"exp": [9999999999]},
    "exp is infinite": {"exp": float("inf")},
    "exp is no number": {"exp": float("nan")},
    "exp is too large for a clock": {"exp": 10**400},
    "expired": {"exp": int(time.time()) - 31},
    "not yet": {"nbf": int(time.time()) + 3600},
    "made in the future": {"iat": int(time.time()) + 3600},
    "another issuer": {"iss": "https://id.example.evil"},
    "issuer as a list": {"iss": ["https://id.example"]},
    "another audience": {"aud": "other"},
    "a part of the audience": {"aud": "veil"},
    "audiences of others": {"aud": ["other", "veilgate2"]},
    "audience in a list in a list": {"aud": [["veilgate"]]},
    "an empty subject": {"sub": ""},
    "subject is a number": {"sub": 7},
    "subject is half a character": {"sub": "\ud800"},
}


@pytest.mark.parametrize("wrong", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_claims_that_are_wrong(by_secret: Tokens, wrong: dict[str, Any]) -> None:
    refused(by_secret, by_hand({"alg": "HS256", "typ": "JWT"}, claims(**wrong)))


def test_clocks_may_differ_by_thirty_seconds_and_audiences_be_many(by_secret: Tokens) -> None:
    now_s = int(time.time())
    near = claims(exp=now_s - 25, iat=now_s + 25, nbf=now_s + 25, aud=["other", "veilgate"])
    assert 0 < by_secret.identify(hs256(near)).left_s <= 5


WRONG_HEADERS: dict[str, Any] = {
    "no algorithm": {"typ": "JWT"},
    "none": {"alg": "none"},
    "None": {"alg": "None"},
    "empty": {"alg": ""},
    "another hash": {"alg": "HS512"},
    "a list": {"alg": ["HS256"]},
    "critical": {"alg": "HS256", "crit": ["exp"], "exp": 1},
    "critical and understood by libraries": {"alg": "HS256", "crit": ["b64"], "b64": True},
    "critical and empty": {"alg": "HS256", "crit": []},
    "detached": {"alg": "HS256", "b64": False, "crit": ["b64"]},
    "no object": ["HS256"],
    "no JSON": b"{",
    "deep": b"[" * 3000,
    "not UTF-8": b"\xff\xfe",
    "kid is a number": {"alg": "HS256", "kid": 7},
}


@pytest.mark.parametrize("header", WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_headers_that_are_wrong(by_secret: Tokens, by_keys: Tokens, header: object) -> None:
    for tokens in (by_secret, by_keys):
        refused(tokens, by_hand(header, claims()))


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 3000, b'{"a":' * 1000])
def test_payloads_that_are_wrong(by_secret: Tokens, payload: bytes) -> None:
    refused(by_secret, by_hand({"alg": "HS256"}, payload))


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "\0.\0.\0", "\udc80.a.b", "Bearer a.b.c"],
)
def test_what_is_no_token(by_secret: Tokens, by_keys: Tokens, token: str) -> None:
    refused(by_secret, token)
    refused(by_keys, token)


def test_nothing_longer_than_8_kb_is_read(by_secret: Tokens) -> None:
    tokens = [hs256(claims(pad="a" * size)) for size in (*range(5960, 5990), 100_000)]
    for token in tokens:
        if len(token) > 8192:
            refused(by_secret, token)
        else:
            assert by_secret.identify(token)
    assert len(tokens[0]) <= 8192 < len(tokens[29])


def test_a_token_without_a_signature(by_secret: Tokens, by_keys: Tokens) -> None:
    for alg in ("none", "NONE", "HS256", "RS256"):
        text = by_hand({"alg": alg, "kid": "RS256"}, claims()).rpartition(".")[0]
        for token in (f"{text}.", text):
            refused(by_secret, token)
            refused(by_keys, token)


def test_a_public_key_is_no_secret(by_keys: Tokens, provider: IdentityProvider) -> None:
    """Whoever may read the key could sign with it, if the token said what kind it is."""
    public = private_keys()["RS256"].public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(published("RS256")).encode(),
        published("RS256")["n"].encode(),
        b"",
    ]
    for secret in forms:
        for kid in ("RS256", "oct"):
            refused(by_keys, by_hand({"alg": "HS256", "kid": kid}, claims(), secret))
    refused(by_keys, by_hand({"alg": "HS256", "kid": "oct"}, claims(), b"\0\0\0"))


def test_a_key_signs_with_what_it_is_for(by_keys: Tokens) -> None:
    refused(by_keys, signed("ES256", claims(), kid="RS256"))
    refused(by_keys, signed("RS256", claims(), kid="ES256"))
    for algorithm in ("RS384", "RS512", "PS256"):
        refused(by_keys, signed(algorithm, claims(), key="RS256", kid="RS256"))
    refused(by_keys, signed("ES384", claims()))
    for kid in ("encrypts", "says", "7"):
        refused(by_keys, signed("RS256", claims(), key="other", kid=kid))
    refused(by_keys, signed("RS256", claims(), key="other"))  # the first with an id is the one that counts


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_weak_key_is_not_taken(by_keys: Tokens) -> None:
    refused(by_keys, signed("RS256", claims(), key="weak", kid="weak"))


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "' OR 1=1 --", "", "/dev/null", "http://127.0.0.1/", "\0"]
)
def test_a_key_is_found_by_its_name_or_not(by_keys: Tokens, by_secret: Tokens, kid: str) -> None:
    refused(by_keys, signed("RS256", claims(), kid=kid))
    assert by_secret.identify(hs256(claims(), kid=kid)), "where there is one key its name does not matter"


def test_a_token_does_not_bring_its_key(by_keys: Tokens) -> None:
    with identity_provider(published("other", kid="theirs")) as theirs:
        key = published("other", kid="theirs")
        for headers in ({"jwk": key}, {"jku": theirs.url}, {"x5u": theirs.url}, {"x5c": ["AAAA"]}):
            for kid in ("theirs", "RS256"):
                refused(by_keys, signed("RS256", claims(), key="other", kid=kid, **headers))
        assert theirs.asked == 0


def test_odd_keys_cost_none_of_the_others(by_keys: Tokens, provider: IdentityProvider) -> None:
    before = provider.asked
    read: Callable[[str], Found] = by_keys.identify
    assert {read(signed(name, claims())).caller.owner_id for name in ("RS256", "ES256", "EdDSA")} == {"alice"}
    assert provider.asked == before + 1


def test_a_private_key_that_was_published_verifies_only() -> None:
    algorithm: Any = jwt.get_algorithm_by_name("RS256")
    private = {"kid": "RS256", **algorithm.to_jwk(private_keys()["RS256"], as_dict=True), "d": "AQ"}
    with identity_provider(private) as provider:
        tokens = Tokens(secret="", jwks_url=provider.url, **HOUSE)
        assert tokens.identify(signed("RS256", claims())).caller.owner_id == "alice"


def test_while_nobody_publishes_keys_nobody_is_let_in(free_port: int) -> None:
    refused(Tokens(secret="", jwks_url=f"http://127.0.0.1:{free_port}/", **HOUSE), signed("RS256", claims()))
