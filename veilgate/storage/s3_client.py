"""How S3 is reached: address, keys, patience. boto3, which costs 25 MB, is imported when a client is made."""

from dataclasses import dataclass, field
from typing import Any

# The gateway has 40 threads, and each download that is being handed on holds a connection besides.
_CONNECTIONS = 64
_CONNECT_TIMEOUT_S = 5.0
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class S3Access:
    """Empty texts mean: AWS itself, its own chain of credentials, the bucket's own encryption."""

    bucket: str
    region: str
    endpoint_url: str = ""
    public_endpoint_url: str = ""
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    # Who vouches for the server; empty = those that boto3 trusts.
    ca_file: str = ""
    encryption: str = ""
    kms_key_id: str = ""
    signed_url_s: int = 900
    # A call is tried three times, so that a store that hangs is given up after a minute.
    read_timeout_s: float = 20.0

    @property
    def encryption_headers(self) -> dict[str, Any]:
        """What each new object asks for, as boto3 names it."""
        headers: dict[str, Any] = {}
        if self.encryption:
            headers["ServerSideEncryption"] = self.encryption
        if self.kms_key_id:
            headers["SSEKMSKeyId"] = self.kms_key_id
        return headers


def open_client(access: S3Access, endpoint_url: str) -> Any:
    """A client, which threads may share."""
    import boto3
    from botocore.config import Config

    config = Config(
        signature_version="s3v4",
        # Servers of one's own seldom have a DNS name for each bucket.
        s3={"addressing_style": "path" if endpoint_url else "auto"},
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=access.read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        tcp_keepalive=True,
        # We send SHA-256 ourselves and check it where it matters; CRC32 beside it only costs.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    # A session of its own: boto3's default one is shared by the process and not safe to make clients with.
    return boto3.session.Session().client(
        "s3",
        region_name=access.region,
        endpoint_url=endpoint_url or None,
        verify=access.ca_file or None,
        aws_access_key_id=access.access_key_id or None,
        aws_secret_access_key=access.secret_access_key or None,
        aws_session_token=access.session_token or None,
        config=config,
    )
