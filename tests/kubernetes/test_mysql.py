"""What mysql-k8s.yaml has the server do on an empty volume, done on a real one."""

import os
import subprocess
from pathlib import Path

import pymysql
import pytest

from tests.fixtures.debian import found
from tests.fixtures.mariadb import StartMariaDb
from tests.kubernetes.manifests import documents, one

PASSWORD = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
# What the image's own start brings along.
IMAGE = 'docker_process_sql() { "$CLIENT" --socket="$SOCKET" --user=root; }'


def test_the_user_is_made_with_the_password_of_the_secret(
    start_mariadb: StartMariaDb, tmp_path: Path
) -> None:
    server = start_mariadb()
    (tmp_path / "password").write_text(PASSWORD)
    env = os.environ | {"CLIENT": found("mariadb"), "SOCKET": str(server.folder / "s")}
    for name, text in sorted(one(documents(), "ConfigMap", "mysql-init")["data"].items()):
        step = tmp_path / name
        step.write_text(text.replace("/run/secrets/mysql", str(tmp_path)))
        read = f". {step}" if name.endswith(".sh") else f"docker_process_sql < {step}"
        subprocess.run(["sh", "-euc", f"{IMAGE}\n{read}"], env=env, check=True, timeout=60)
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        connect(server.port, "changeme")
    with connect(server.port, PASSWORD) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE seen (at INT)")
        cursor.execute(
            "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'veilgate'"
        )
        assert cursor.fetchone() == ("utf8mb4_bin",)


def connect(port: int, password: str) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    return pymysql.connect(
        host="127.0.0.1", port=port, user="veilgate", password=password, database="veilgate"
    )
