"""What settings must not say together, and what production must not be run with."""

from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from veilgate.domain.addresses import Reachable
from veilgate.settings.wires import wrong_ca_files

if TYPE_CHECKING:
    from config import Config

# The manifest's model for tests and development.
STAND_IN_MODEL = "fake"
# As long as the digests of HS256: a shorter one is found by trying.
_SHORTEST_JWT_SECRET = 32
_PROVIDER_ADDRESSES = (
    "GOOGLE_VISION_URL",
    "SERPAPI_URL",
    "EBAY_URL",
    "AZURE_VISION_ENDPOINT",
    "VISION_MODEL_URL",
)
WELL_KNOWN_PASSWORDS = frozenset({"veilgate", "password", "changeme", "secret", "root", "minioadmin"})


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class FaceTiling(StrEnum):
    """Whether large pictures are also looked at piece by piece."""

    OFF = "off"
    AUTO = "auto"


class Encryption(StrEnum):
    """How S3 encrypts at rest."""

    BUCKET = ""
    AES256 = "AES256"
    KMS = "aws:kms"


class VectorIndexKind(StrEnum):
    """Who keeps the vectors."""

    FAISS = "faiss"
    MILVUS = "milvus"


def contradictions(config: "Config") -> Iterator[str]:
    """A line for each thing that is wrong though every setting is valid by itself."""
    yield from _addresses(config)
    storage = config.storage
    if bool(storage.aws_access_key_id) != bool(storage.aws_secret_access_key):
        yield "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: set both or neither"
    if storage.s3_kms_key_id and storage.s3_server_side_encryption is not Encryption.KMS:
        yield "S3_KMS_KEY_ID: only means something with S3_SERVER_SIDE_ENCRYPTION=aws:kms"
    yield from wrong_ca_files(config)
    yield from _search(config)
    yield from _lookups(config)
    yield from _front_door(config)
    yield from _tokens(config)
    if config.server.environment is Environment.PRODUCTION:
        yield from _development_defaults(config)


def listed(text: str) -> tuple[str, ...]:
    """What stands between the commas."""
    return tuple(part for one in text.split(",") if (part := one.strip()))


def is_public(host: str) -> bool:
    """Whether others than this machine may reach what listens there."""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _search(config: "Config") -> Iterator[str]:
    search = config.search
    for name in ("search_url", "milvus_uri", "public_base_url"):
        address = getattr(search, name)
        if address and not _is_http(address):
            yield f"{name.upper()}: must begin with http:// or https://"
    if search.vector_index is VectorIndexKind.MILVUS and not search.milvus_uri:
        yield "MILVUS_URI: must be set with VECTOR_INDEX=milvus"


def _lookups(config: "Config") -> Iterator[str]:
    lookups = config.lookups
    if bool(lookups.ebay_client_id) != bool(lookups.ebay_client_secret.get_secret_value()):
        yield "EBAY_CLIENT_ID, EBAY_CLIENT_SECRET: set both or neither"
    if bool(lookups.azure_vision_endpoint) != bool(lookups.azure_vision_key.get_secret_value()):
        yield "AZURE_VISION_ENDPOINT, AZURE_VISION_KEY: set both or neither"
    if bool(lookups.vision_model_url) != bool(lookups.vision_model_name):
        yield "VISION_MODEL_URL, VISION_MODEL_NAME: set both or neither"
    if lookups.vision_model_api_key.get_secret_value() and not lookups.vision_model_url:
        yield "VISION_MODEL_API_KEY: only means something with VISION_MODEL_URL"
    for name in _PROVIDER_ADDRESSES:
        address = getattr(lookups, name.lower())
        if address and not _is_http(address):
            yield f"{name}: must begin with http:// or https://"
    yield from _networks("WEBHOOK_ALLOW", config.webhooks.webhook_allow)


def _front_door(config: "Config") -> Iterator[str]:
    for origin in listed(config.access.cors_allow_origins):
        parts = _split(origin)
        if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}":
            yield f"CORS_ALLOW_ORIGINS: {origin!r} is no origin, as in https://shop.example"
    for network in listed(config.access.trusted_proxies):
        try:
            believes_all = ip_network(network).prefixlen == 0
        except ValueError:
            yield f"TRUSTED_PROXIES: {network!r} is no address and no network, as in 10.0.0.0/8"
        else:
            if believes_all:
                yield f"TRUSTED_PROXIES: {network!r} would believe whatever anybody says of themselves"
    yield from _networks("FETCH_ALLOW", config.access.fetch_allow)


def _networks(name: str, allowed: str) -> Iterator[str]:
    try:
        Reachable.parse(allowed)
    except ValueError as error:
        yield f"{name}: {error}"


def _tokens(config: "Config") -> Iterator[str]:
    access = config.access
    secret, address = access.jwt_secret.get_secret_value(), access.jwt_jwks_url
    if secret and address:
        yield "JWT_SECRET, JWT_JWKS_URL: set one of them"
    if secret and len(secret.encode()) < _SHORTEST_JWT_SECRET:
        yield f"JWT_SECRET: must have {_SHORTEST_JWT_SECRET} bytes or more"
    if address and not _is_http(address):
        yield "JWT_JWKS_URL: must begin with http:// or https://"
    for name in ("jwt_issuer", "jwt_audience"):
        if (secret or address) and not getattr(access, name):
            yield f"{name.upper()}: must be set with JWT_SECRET or JWT_JWKS_URL"


def _addresses(config: "Config") -> Iterator[str]:
    storage, redis_url = config.storage, config.queue.redis_url.get_secret_value()
    yield from _database_address(storage.effective_database_url)
    if redis_url and _split(redis_url).scheme not in {"redis", "rediss", "unix"}:
        yield "REDIS_URL: must begin with redis://, rediss:// or unix://"
    for name in ("s3_endpoint_url", "s3_public_endpoint_url"):
        address = getattr(storage, name)
        if address and _split(address).scheme not in {"http", "https"}:
            yield f"{name.upper()}: must begin with http:// or https://"
        if address and not storage.s3_bucket:
            yield f"{name.upper()}: S3_BUCKET is not set, so pictures would go into DATA_DIR"


def _database_address(url: str) -> Iterator[str]:
    parts = _split(url)
    if parts.scheme not in {"sqlite", "mysql+pymysql"}:
        yield "DATABASE_URL: must begin with mysql+pymysql:// or sqlite:///"
    elif not parts.path.strip("/") or parts.path == "/:memory:":
        yield "DATABASE_URL: names no database, as in mysql+pymysql://user:password@host/name"


def _is_http(address: str) -> bool:
    return _split(address).scheme in {"http", "https"} and bool(_split(address).hostname)


def _split(address: str) -> SplitResult:
    """The parts of an address; none of one that cannot be taken apart."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def _password_in(address: str) -> str | None:
    return unquote(password) if (password := _split(address).password) else None


def _development_defaults(config: "Config") -> Iterator[str]:
    """What does for trying out and not for a service; each would only be noticed when it hurts."""
    storage, redis_url = config.storage, config.queue.redis_url.get_secret_value()
    database_url = storage.effective_database_url
    if _split(database_url).scheme == "sqlite":
        yield "DATABASE_URL: ENVIRONMENT=production needs MySQL; SQLite serves one machine"
    if not redis_url:
        yield "REDIS_URL: ENVIRONMENT=production needs a Redis of your own"
    if not storage.s3_bucket:
        yield "S3_BUCKET: ENVIRONMENT=production needs a bucket; the local folder serves one machine"
    if config.models.face_detection_model_path == STAND_IN_MODEL:
        yield "FACE_DETECTION_MODEL_PATH: the stand-in model veils nobody; not in ENVIRONMENT=production"
    if _split(config.access.jwt_jwks_url).scheme == "http":
        yield "JWT_JWKS_URL: ENVIRONMENT=production needs https://; whoever stands between could sign tokens"
    if _split(config.vault.vault_addr).scheme == "http":
        yield "VAULT_ADDR: ENVIRONMENT=production needs https://; the token would go over the wire in clear"
    if config.telemetry.failpoints:
        yield "FAILPOINTS: breaks processes on purpose; not in ENVIRONMENT=production"
    if config.telemetry.log_level == "DEBUG":
        yield "LOG_LEVEL: DEBUG writes too much for ENVIRONMENT=production"
    if _split(database_url).scheme == "mysql+pymysql" and not _password_in(database_url):
        yield "DATABASE_URL: has no password; not in ENVIRONMENT=production"
    passwords = {
        "DATABASE_URL": _password_in(database_url),
        "REDIS_URL": _password_in(redis_url),
        "AWS_SECRET_ACCESS_KEY": storage.aws_secret_access_key.get_secret_value(),
    }
    for name, password in passwords.items():
        if password in WELL_KNOWN_PASSWORDS:
            yield f"{name}: its password is in everybody's examples; not in ENVIRONMENT=production"
