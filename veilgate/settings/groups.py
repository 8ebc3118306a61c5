"""Every setting of the house, in frozen groups.

Settings are read from the environment and from `.env`, by the names operators know, without a prefix.
docs/configuration.md and .env.example list every field, and a test keeps them equal to this file.
"""

import socket
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, SecretStr

from veilgate.settings.checks import Encryption, Environment, FaceTiling
from veilgate.settings.group import Group
from veilgate.settings.lookups import LookupSettings, WebhookSettings
from veilgate.settings.search import SearchSettings, short_socket_path
from veilgate.settings.wires import with_query


class ServerSettings(Group):
    """Where the gateway listens and what it takes."""

    environment: Environment = Field(
        Environment.DEVELOPMENT,
        description="`production` refuses to start on what is meant for one machine and for trying out.",
    )
    host: str = Field("127.0.0.1", description="Address the gateway listens on.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="Port the gateway listens on.")
    max_upload_bytes: Annotated[int, Field(ge=1024)] = Field(
        50_000_000, description="Largest single file taken, in bytes."
    )
    max_batch_bytes: Annotated[int, Field(ge=1024)] = Field(
        4_000_000_000, description="Largest body of a batch upload, in bytes."
    )
    max_batch_files: Annotated[int, Field(ge=1, le=100_000)] = Field(
        1000, description="Most files in one batch upload."
    )
    max_pixels: Annotated[int, Field(ge=4096)] = Field(
        40_000_000, description="Most pixels in one picture; read from its header before anything is decoded."
    )


class StorageSettings(Group):
    """Where rows and pictures are kept."""

    data_dir: Path = Field(Path("data"), description="Folder for everything the embedded default keeps.")
    database_url: SecretStr = Field(
        SecretStr(""),
        description="mysql+pymysql://user:password@host/name, or sqlite:///path; empty = SQLite in DATA_DIR.",
    )
    database_ca_file: str = Field(
        "",
        description="File of certificates (PEM) that vouch for the database server; nothing else is talked "
        "to. Empty = encrypted where the server offers it, whoever answers.",
    )
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = Field(
        10, description="Most connections that one process holds to MySQL; a gateway has one more."
    )
    s3_bucket: str = Field(
        "", description="Bucket for originals and results; empty = the folder `objects` in DATA_DIR."
    )
    s3_endpoint_url: str = Field(
        "", description="Address of an S3-compatible server such as MinIO; empty = AWS."
    )
    s3_public_endpoint_url: str = Field(
        "", description="The same server as callers reach it, for signed addresses; empty = S3_ENDPOINT_URL."
    )
    s3_ca_file: str = Field(
        "",
        description="File of certificates (PEM) that vouch for an S3 server of your own at https://; empty = "
        "those that boto3 trusts, which AWS_CA_BUNDLE changes.",
    )
    aws_region: str = Field("us-east-1", description="Region of the bucket.")
    aws_access_key_id: SecretStr = Field(
        SecretStr(""),
        description="Key for S3; empty = what the AWS tools would use (profile, role of the machine).",
    )
    aws_secret_access_key: SecretStr = Field(SecretStr(""), description="Secret of AWS_ACCESS_KEY_ID.")
    aws_session_token: SecretStr = Field(SecretStr(""), description="Token of temporary S3 keys.")
    s3_server_side_encryption: Encryption = Field(
        Encryption.BUCKET,
        description="How S3 encrypts new objects: `AES256`, `aws:kms`, or empty = as the bucket says.",
    )
    s3_kms_key_id: str = Field("", description="Key for `aws:kms`; empty = the account's own.")
    s3_redirect_downloads: bool = Field(
        False,
        description="Whether pictures are handed out by redirect to a signed S3 address.",
    )
    s3_signed_url_s: Annotated[int, Field(ge=10, le=86_400)] = Field(
        900, description="How long signed addresses work, in seconds."
    )

    @property
    def effective_database_url(self) -> str:
        if given := self.database_url.get_secret_value():
            return with_query(given, "ssl_ca", self.database_ca_file)
        return f"sqlite:///{(self.data_dir / 'veilgate.db').resolve()}"


class QueueSettings(Group):
    """Redis, and how jobs are leased and tried again."""

    redis_url: SecretStr = Field(
        SecretStr(""),
        description="Redis to use; empty = `make run` starts a private one on a socket in DATA_DIR.",
    )
    redis_ca_file: str = Field(
        "",
        description="File of certificates (PEM) that vouch for a Redis at rediss://, beside those that this "
        "machine trusts anyway.",
    )
    job_lease_s: Annotated[float, Field(ge=1, le=600)] = Field(
        20.0, description="How long a silent worker keeps its jobs, in seconds."
    )
    job_timeout_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        120.0, description="Longest one picture may take in a worker, in seconds."
    )
    job_max_attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        3, description="How often a picture is tried when it fails by its own fault."
    )
    job_max_deliveries: Annotated[int, Field(ge=1, le=1000)] = Field(
        20, description="How often a picture is started at all, whoever's fault the ends were."
    )
    max_queue_size: Annotated[int, Field(ge=1)] = Field(
        100_000, description="Jobs that may wait; beyond, uploads are refused with 503 until some are done."
    )
    max_queue_age_s: Annotated[float, Field(ge=1)] = Field(
        86_400.0, description="How long the oldest job may wait, in seconds, before uploads are refused."
    )
    reconcile_interval_s: Annotated[float, Field(ge=0.1, le=60)] = Field(
        2.0, description="Pause between two rounds of the reconciler, in seconds."
    )

    def url_for(self, data_dir: Path) -> str:
        """REDIS_URL, else the socket of the private Redis that belongs to this DATA_DIR."""
        if given := self.redis_url.get_secret_value():
            return with_query(given, "ssl_ca_certs", self.redis_ca_file)
        return f"unix://{quote(str(short_socket_path(data_dir / 'redis' / 'redis.sock')))}"


class WorkerSettings(Group):
    """How much an images worker takes on at once."""

    worker_id: str = Field(
        "", description="Name of this worker in logs and rows; empty = host and process id."
    )
    num_workers: Annotated[int, Field(ge=1, le=64)] = Field(
        1,
        description="Images workers that `make run` starts; each uses all cores, so one is best on few.",
    )
    decode_children: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="Killable processes that decode pictures, for each worker."
    )
    decode_timeout_s: Annotated[float, Field(ge=0.5, le=300)] = Field(
        20.0, description="Longest one decode may take before its process is ended, in seconds."
    )
    max_pixels_in_flight: Annotated[int, Field(ge=1_000_000)] = Field(
        64_000_000, description="Pixels of all pictures that one worker holds decoded at a time."
    )
    max_jobs_in_flight: Annotated[int, Field(ge=1, le=512)] = Field(
        16, description="Pictures that one worker holds at a time."
    )
    max_chunk: Annotated[int, Field(ge=1, le=64)] = Field(
        8, description="Most pictures in one run of a model."
    )

    def name(self, process_id: int) -> str:
        return self.worker_id or f"{socket.gethostname()}.{process_id}"


class ModelSettings(Group):
    """Which models look at the pictures. A value is an id of models/manifest.toml or a file."""

    face_detection_model_path: str = Field("centerface", description="Face model: manifest id or file.")
    face_confidence_threshold: Annotated[float, Field(ge=0.01, le=0.99)] = Field(
        0.2,
        description="Lowest score that counts as a face; low, because a missed face is the worse mistake.",
    )
    face_detection_size: Annotated[int, Field(ge=128, le=4096)] = Field(
        1280, description="Longest side, in pixels, of the picture that the face model sees."
    )
    face_tiling: FaceTiling = Field(
        FaceTiling.OFF,
        description="`auto` = large pictures are also looked at piece by piece, for small faces; slower.",
    )
    blur_targets: str = Field(
        "",
        description="Classes of the face model that are veiled, with commas; empty = as the manifest says, "
        "and `face` in a file of your own.",
    )
    vehicle_detection_model_path: str = Field(
        "vehicles-v1",
        description="Vehicle model: manifest id or file; one with an address is fetched in the background.",
    )
    car_confidence_threshold: Annotated[float, Field(ge=0.01, le=0.99)] | None = Field(
        None, description="Lowest score that counts as a vehicle; empty = as the model says."
    )
    model_fetch: bool = Field(True, description="Whether missing models of the manifest are downloaded.")


class AccessSettings(Group):
    """Who may call, how much each may ask for, and what may be fetched for them."""

    allow_anonymous: bool | None = Field(
        None,
        description="`1` = everybody may call without a key, `0` = nobody; empty = only callers on this "
        "machine, outside production.",
    )
    jwt_secret: SecretStr = Field(
        SecretStr(""), description="Secret of tokens signed with HS256, at least 32 bytes; or JWT_JWKS_URL."
    )
    jwt_jwks_url: str = Field(
        "", description="Where the public keys of tokens are (RS256, ES256, EdDSA); or JWT_SECRET."
    )
    jwt_issuer: str = Field("", description="The `iss` that tokens must have; needed with either of them.")
    jwt_audience: str = Field("", description="The `aud` that tokens must have; needed with either of them.")
    session_s: Annotated[int, Field(ge=60, le=2_592_000)] = Field(
        43_200, description="How long a browser that was given a session stays signed in, in seconds."
    )
    cors_allow_origins: str = Field(
        "", description="Web pages of other origins that may call, as https://a.example, with commas."
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of proxies whose X-Forwarded-For is believed, with commas.",
    )
    limit_requests_per_minute: Annotated[int, Field(ge=0)] = Field(
        30_000, description="Requests that each key may make in a minute; 0 = any number."
    )
    limit_bytes_per_hour: Annotated[int, Field(ge=0)] = Field(
        100_000_000_000, description="Bytes that each key may send in an hour; 0 = any number."
    )
    limit_streams: Annotated[int, Field(ge=0)] = Field(
        50, description="Event streams that each key may have open at a time; 0 = any number."
    )
    fetch_allow: str = Field(
        "",
        description="Addresses in private networks that /upload-url and product pages may be fetched from, "
        "as 10.1.0.0/16:8080, with commas; what is public needs no entry.",
    )


class VaultSettings(Group):
    """Where secrets are that neither environment nor file gives."""

    vault_addr: str = Field(
        "",
        description="Address of a Vault, as https://vault.example:8200; asked once, at start; needs hvac.",
    )
    vault_token: SecretStr = Field(SecretStr(""), description="Token that may read VAULT_SECRET_PATH.")
    vault_secret_path: str = Field(
        "",
        description="Where secrets are in it, by the names they have here: mount and path in a KV engine of "
        "version 2, as secret/veilgate.",
    )


class TelemetrySettings(Group):
    """What is written down about the running house."""

    log_level: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="Least severe log line written. Libraries are heard from INFO up: below, some show keys.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which each process shows its numbers.")
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        9464,
        description="Port of /metrics, for Prometheus; 0 = none. `make run` gives each process one of its "
        "own, from this one on.",
    )
    prices_file: str = Field(
        "",
        description="TOML file of what machines and storage cost, for `veilgate cost` and /stats; empty = "
        "examples, for `veilgate cost` alone.",
    )
    failpoints: str = Field(
        "",
        description="For tests: where a process breaks on purpose, as in `after_commit:kill9@2`.",
    )


GROUPS: tuple[type[Group], ...] = (
    ServerSettings,
    StorageSettings,
    QueueSettings,
    WorkerSettings,
    ModelSettings,
    SearchSettings,
    LookupSettings,
    WebhookSettings,
    AccessSettings,
    VaultSettings,
    TelemetrySettings,
)
