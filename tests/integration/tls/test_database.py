"""TLS to MySQL and MariaDB: encrypted, with whom the certificate is for, or not at all."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config import Config
from tests.fixtures.certificates import Issuer
from tests.fixtures.mariadb import USER, RunningMariaDb
from veilgate.domain.errors import ConfigurationError
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database


@pytest.fixture
def url_with(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The address that the settings make of these two."""

    def url(database_url: str, ca_file: Path | None) -> str:
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("DATABASE_CA_FILE", str(ca_file or ""))
        return Config().storage.effective_database_url

    return url


def cipher_to(url: str) -> str:
    engine = open_engine(url)
    with engine.connect() as connection:
        cipher = connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
    engine.dispose()
    return str(cipher)


def fault_of(url: str) -> str:
    database = Database(open_engine(url), checked=True)
    with pytest.raises(ConfigurationError) as raised:
        database.check()
    database.close()
    return raised.value.message


def test_the_connection_is_encrypted(
    tls_mariadb: RunningMariaDb, house_issuer: Issuer, url_with: Any
) -> None:
    url = tls_mariadb.url(tls_mariadb.empty_database())
    assert cipher_to(url_with(url, house_issuer.ca_file)).startswith("TLS_")
    assert "no schema in this database" in fault_of(url_with(url, house_issuer.ca_file))


def test_an_issuer_that_does_not_vouch_for_it(
    tls_mariadb: RunningMariaDb, foreign_ca_file: Path, url_with: Any
) -> None:
    said = fault_of(url_with(tls_mariadb.url("veil_1"), foreign_ca_file))
    assert said.startswith("DATABASE_CA_FILE: the certificate that the database server shows is refused: ")


def test_a_certificate_for_another_name(
    tls_mariadb: RunningMariaDb, house_issuer: Issuer, url_with: Any
) -> None:
    url = tls_mariadb.url("veil_1").replace("@127.0.0.1:", "@localhost:")
    said = fault_of(url_with(url, house_issuer.ca_file))
    assert said.startswith("DATABASE_CA_FILE: ")
    assert "localhost" in said


def test_a_server_without_encryption(mariadb: RunningMariaDb, house_issuer: Issuer, url_with: Any) -> None:
    said = fault_of(url_with(mariadb.url(mariadb.empty_database()), house_issuer.ca_file))
    assert said == "DATABASE_CA_FILE: the database server offers no encrypted connections"


def test_a_server_that_wants_to_see_ours(
    tls_mariadb: RunningMariaDb, house_issuer: Issuer, url_with: Any
) -> None:
    name = tls_mariadb.empty_database()
    tls_mariadb.execute(
        "CREATE OR REPLACE USER shown@'127.0.0.1' IDENTIFIED BY 'p' REQUIRE X509",
        f"GRANT ALL ON {name}.* TO shown@'127.0.0.1'",
    )
    url = tls_mariadb.url(name, user="shown", password="p")
    assert "Access denied" in fault_of(url_with(url, house_issuer.ca_file))
    own = house_issuer.file_of(["gateway"])
    shown = f"{url}?ssl_cert={own}&ssl_key={own}"
    assert cipher_to(url_with(shown, house_issuer.ca_file)).startswith("TLS_")


def test_without_a_file_it_is_encrypted_where_the_server_offers_it(
    tls_mariadb: RunningMariaDb, mariadb: RunningMariaDb, url_with: Any
) -> None:
    assert cipher_to(url_with(tls_mariadb.url(tls_mariadb.empty_database()), None)).startswith("TLS_")
    assert cipher_to(url_with(mariadb.url(mariadb.empty_database()), None)) == ""
    assert USER in tls_mariadb.url("x"), "which must come encrypted, see conftest"
