"""`make run` told to use MySQL's language and S3: the same house, with nothing of it in DATA_DIR."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.e2e.house import MAKE_RUN, House
from tests.fixtures.mariadb import RunningMariaDb, StartMariaDb
from tests.fixtures.object_server import S3Server
from tests.waiting import wait_until


@dataclass(frozen=True)
class Service:
    """What an operator brings along."""

    database: RunningMariaDb
    s3: S3Server
    bucket: str

    def settings(self, database_url: str) -> dict[str, str]:
        return {"DATABASE_URL": database_url, **self.s3.settings(self.bucket)}

    def stored_uris(self) -> set[str]:
        listed = self.s3.client.list_objects_v2(Bucket=self.bucket)
        return {f"s3://{self.bucket}/{entry['Key']}" for entry in listed.get("Contents", [])}


@pytest.fixture
def service(start_mariadb: StartMariaDb, s3_server: S3Server) -> Service:
    """With a database server of our own, because it is killed."""
    return Service(start_mariadb(), s3_server, s3_server.new_bucket())


@pytest.fixture
def house(tmp_path: Path, service: Service) -> Iterator[House]:
    # An empty database: `make run` itself brings it to the schema.
    settings = service.settings(service.database.url(service.database.empty_database()))
    house = House(tmp_path / "data", command=MAKE_RUN, **settings)
    yield house
    house.close()


def test_the_whole_way_over_mysql_and_s3(
    house: House, service: Service, astronaut_jpeg: bytes, tmp_path: Path
) -> None:
    house.wait_for_banner()
    document: dict[str, Any] = house.process_picture(astronaut_jpeg)
    assert document["status"] == "completed", document
    results = document["results"]
    assert results["original_image_path"].startswith(f"s3://{service.bucket}/original/")
    assert results["processed_image_path"].startswith(
        f"s3://{service.bucket}/results/{document['job_id']}/1/"
    )
    named = {
        results["original_image_path"],
        results["processed_image_path"],
        *results["thumbnail_paths"].values(),
    }
    assert named == service.stored_uris()
    veiled = house.http.get(f"/images/{document['image_id']}/processed").content
    assert Image.open(io.BytesIO(veiled)).size == (512, 512)

    redone = house.http.post(f"/images/{document['image_id']}/redo", json={"blur_style": "solid"})
    assert redone.status_code == httpx.codes.ACCEPTED, redone.text
    assert house.ended(redone.json()["job_id"])["status"] == "completed"

    # A database that dies and comes back is met again by everyone, and nothing waits for a restart.
    service.database.kill()
    refused = house.http.post("/upload", files={"file": ("a.jpg", astronaut_jpeg)})
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["retry-after"]
    service.database.start()
    wait_until(
        lambda: house.http.get("/ready").status_code == httpx.codes.OK, timeout_s=30, what="ready again"
    )
    assert house.process_picture(astronaut_jpeg)["status"] == "completed"

    kept = {
        path.relative_to(tmp_path / "data").parts[0]
        for path in (tmp_path / "data").rglob("*")
        if path.is_file()
    }
    # The search server's index is made of rows, and made anew when it is lost.
    assert kept <= {"up.lock", "redis", "models", "search", "metrics"}, "rows and pictures are elsewhere"
    # Make says 2, or that it was interrupted; how the supervisor ended stands in its log.
    house.interrupt()
    assert "veilgate: stopped" in house.log
    assert "Traceback" not in house.log, house.log[-4000:]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"S3_BUCKET": "nobody-made-this"}, "S3_BUCKET"),
        ({"DATABASE_URL": "mysql+pymysql://nobody:wrong-secret@127.0.0.1:{port}/veil_1"}, "DATABASE_URL"),
    ],
    ids=["bucket", "rights"],
)
def test_what_is_missing_is_said_in_one_line(
    tmp_path: Path, service: Service, settings: dict[str, str], said: str
) -> None:
    everything = {**service.settings(service.database.new_database()), **settings}
    everything["DATABASE_URL"] = everything["DATABASE_URL"].format(port=service.database.port)
    house = House(tmp_path / "data", **everything)
    try:
        assert house.process.wait(60) == 1
        assert f"{said}: " in house.log, house.log
        assert "wrong-secret" not in house.log
        assert "Traceback" not in house.log, house.log
    finally:
        house.close()
