"""TLS to an S3 server of one's own, and objects that are encrypted where they lie."""

from pathlib import Path

import pytest

from tests.fixtures.certificates import Issuer
from tests.fixtures.object_server import S3Server
from tests.integration.storage.conftest import s3_store
from veilgate.domain.errors import ConfigurationError


def fault_of(endpoint_url: str, bucket: str, ca_file: Path | str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        s3_store(endpoint_url, bucket, ca_file=str(ca_file)).require_usable()
    return raised.value.message


def test_a_server_that_somebody_vouches_for(tls_s3: S3Server, house_issuer: Issuer) -> None:
    bucket = tls_s3.new_bucket()
    store = s3_store(tls_s3.endpoint_url, bucket, ca_file=str(house_issuer.ca_file), encryption="AES256")
    store.require_usable()
    store.put("original/a", b"x", media_type="image/jpeg")
    assert store.get("original/a") == b"x"
    kept = tls_s3.client.head_object(Bucket=bucket, Key="original/a")
    assert kept["ServerSideEncryption"] == "AES256"


def test_who_does_not_vouch_for_it(tls_s3: S3Server, foreign_ca_file: Path, house_issuer: Issuer) -> None:
    bucket, refused = tls_s3.new_bucket(), "S3_CA_FILE: The object store's certificate is refused."
    assert fault_of(tls_s3.endpoint_url, bucket, foreign_ca_file) == refused
    assert fault_of(tls_s3.endpoint_url, bucket, "") == refused, "those that boto3 trusts do not either"
    other_name = tls_s3.endpoint_url.replace("localhost", "127.0.0.1")
    assert fault_of(other_name, bucket, house_issuer.ca_file) == refused


def test_a_server_without_encryption(s3_server: S3Server, house_issuer: Issuer) -> None:
    endpoint_url = s3_server.endpoint_url.replace("http://", "https://")
    said = fault_of(endpoint_url, s3_server.new_bucket(), house_issuer.ca_file)
    assert said == "S3_CA_FILE: The object store offers no encrypted connections."
