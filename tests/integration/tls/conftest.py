"""Servers that speak TLS, with certificates made here, and the settings that lead to them."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fixtures.certificates import Issuer
from tests.fixtures.mariadb import PASSWORD, USER, RunningMariaDb, start_own_mariadb
from tests.fixtures.object_server import S3Server
from tests.fixtures.tls_redis import StartTlsRedis, TlsRedis, start_tls_redis

__all__ = ["start_tls_redis"]


@pytest.fixture(scope="session")
def house_issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """Who vouches for the servers below."""
    return Issuer(tmp_path_factory.mktemp("house-issuer"))


@pytest.fixture(scope="session")
def foreign_ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of an issuer of the same name who vouches for none of them."""
    return Issuer(tmp_path_factory.mktemp("foreign-issuer")).ca_file


@pytest.fixture(scope="session")
def tls_redis(start_tls_redis: StartTlsRedis, house_issuer: Issuer) -> TlsRedis:
    return start_tls_redis(house_issuer)


@pytest.fixture(scope="session")
def tls_mariadb(house_issuer: Issuer) -> Iterator[RunningMariaDb]:
    """Its user may only come encrypted."""
    own = house_issuer.file_of(["127.0.0.1"])
    words = (f"--ssl-ca={house_issuer.ca_file}", f"--ssl-cert={own}", f"--ssl-key={own}")
    with ExitStack() as stack:
        server = start_own_mariadb(stack, words)
        server.execute(f"ALTER USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL")
        yield server


@pytest.fixture(scope="session")
def tls_s3(house_issuer: Issuer) -> Iterator[S3Server]:
    server = S3Server((house_issuer.file_of(["localhost"]), house_issuer.ca_file))
    yield server
    server.kill()
