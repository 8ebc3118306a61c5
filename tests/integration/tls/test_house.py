"""A whole house whose servers take nothing in clear."""

from pathlib import Path
from typing import Any

from tests.fixtures.certificates import Issuer
from tests.fixtures.mariadb import RunningMariaDb
from tests.fixtures.object_server import S3Server
from tests.fixtures.tls_redis import TlsRedis
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh


def test_a_picture_goes_all_the_way_encrypted(
    tmp_path: Path, tls_redis: TlsRedis, tls_mariadb: RunningMariaDb, tls_s3: S3Server, house_issuer: Issuer
) -> None:
    """Through gateway, images worker and reconciler; the object store keeps nothing in clear."""
    bucket, ca_file = tls_s3.new_bucket(), str(house_issuer.ca_file)
    settings: dict[str, Any] = {
        **tls_s3.settings(bucket),
        "DATABASE_URL": tls_mariadb.url(tls_mariadb.empty_database()),
        "DATABASE_CA_FILE": ca_file,
        "REDIS_CA_FILE": ca_file,
        "S3_CA_FILE": ca_file,
        "S3_SERVER_SIDE_ENCRYPTION": "AES256",
    }
    gateway = Gateway(tmp_path / "data", tls_redis.url, **settings)
    try:
        gateway.start_workers()
        assert gateway.ended(gateway.accepted_job(fresh()))["status"] == "completed"
        listed = gateway.processes.ask("-m", "veilgate", "jobs", "verify")
        assert listed.returncode == 0, listed.stdout + listed.stderr
    finally:
        gateway.close()
    stored = tls_s3.client.list_objects_v2(Bucket=bucket)["Contents"]
    assert len(stored) == 4
    heads = [tls_s3.client.head_object(Bucket=bucket, Key=entry["Key"]) for entry in stored]
    assert {head.get("ServerSideEncryption") for head in heads} == {"AES256"}
