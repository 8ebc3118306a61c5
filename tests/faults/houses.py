"""Where a rig keeps rows and objects: SQLite and a folder, or MariaDB and S3; with a side door into it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from tests.fixtures.mariadb import RunningMariaDb, start_own_mariadb
from tests.fixtures.object_server import FaultProxy, S3Server
from tests.fixtures.tcp_proxy import TcpProxy


class House(Protocol):
    """`database_url` leads to the database itself, past every proxy."""

    name: str
    database_url: str

    def settings(self, database_port: int | None) -> dict[str, str]:
        """The environment of a process; to a server it comes by that port."""
        ...

    def database_target(self) -> int | None:
        """The port of the database server, where there is one."""
        ...

    def keys(self) -> list[str]:
        """Every object there is, temporary files not."""
        ...

    def read(self, key: str) -> bytes: ...

    def leftovers(self) -> list[str]:
        """Temporary files and unfinished uploads."""
        ...

    def mend(self) -> None:
        """Bring servers back, and end what was made to go wrong."""
        ...


class SqliteAndFolder:
    name = "sqlite+folder"

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._objects = data_dir / "objects"
        self.database_url = f"sqlite:///{data_dir / 'veilgate.db'}"

    def settings(self, database_port: int | None) -> dict[str, str]:  # noqa: ARG002 - a file has none
        return {}

    def database_target(self) -> int | None:
        return None

    def keys(self) -> list[str]:
        return sorted(
            str(path.relative_to(self._objects)) for path in self._files() if not _is_temporary(path)
        )

    def read(self, key: str) -> bytes:
        return (self._objects / key).read_bytes()

    def leftovers(self) -> list[str]:
        incoming = [str(path) for path in (self._data_dir / "incoming").glob("*")]
        return incoming + [str(path) for path in self._files() if _is_temporary(path)]

    def mend(self) -> None:
        """There is no server, and nothing that could have been told to fail."""

    def _files(self) -> Iterator[Path]:
        # Not rglob, which fails when a folder goes while it looks.
        return (Path(folder, name) for folder, _, names in os.walk(self._objects) for name in names)


def _is_temporary(path: Path) -> bool:
    return ".incoming" in path.parts


class MariaDbAndS3:
    """`mariadb` and `s3` can be killed; `s3_faults` stands before S3 and misbehaves when told."""

    name = "mariadb+s3"

    def __init__(self, data_dir: Path, mariadb: RunningMariaDb, s3: S3Server) -> None:
        self._data_dir = data_dir
        self.mariadb, self.s3 = mariadb, s3
        self._database = mariadb.empty_database()
        self.database_url = mariadb.url(self._database)
        self.bucket = s3.new_bucket()
        self.s3_faults = FaultProxy(s3.endpoint_url)

    def settings(self, database_port: int | None) -> dict[str, str]:
        url = self.database_url.replace(f":{self.mariadb.port}/", f":{database_port or self.mariadb.port}/")
        s3 = {**self.s3.settings(self.bucket), "S3_ENDPOINT_URL": self.s3_faults.endpoint_url}
        return {"DATABASE_URL": url, **s3}

    def database_target(self) -> int | None:
        return self.mariadb.port

    def keys(self) -> list[str]:
        pages = self.s3.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return sorted(found["Key"] for page in pages for found in page.get("Contents", []))

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def leftovers(self) -> list[str]:
        unfinished = self.s3.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        incoming = [str(path) for path in (self._data_dir / "incoming").glob("*")]
        return incoming + [upload["Key"] for upload in unfinished]

    def mend(self) -> None:
        if self.mariadb.process.poll() is not None:
            self.mariadb.start()
        self.s3_faults.mend()


def open_house(name: str, data_dir: Path, stack: ExitStack) -> House:
    """By its name, with servers of its own that end with the stack."""
    if name == SqliteAndFolder.name:
        return SqliteAndFolder(data_dir)
    s3 = S3Server()
    stack.callback(s3.kill)
    house = MariaDbAndS3(data_dir, start_own_mariadb(stack), s3)
    stack.callback(house.s3_faults.close)
    return house


def wire_to(house: House, stack: ExitStack) -> TcpProxy | None:
    """A proxy before the house's database server, if it has one."""
    target = house.database_target()
    if target is None:
        return None
    proxy = TcpProxy(target)
    stack.callback(proxy.close)
    return proxy
