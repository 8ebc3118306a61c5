"""What a user of `make run` lives through: start, a picture, a crash, Ctrl-C, another start."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.e2e.house import House
from tests.fixtures.pictures import ASTRONAUT_FACE_XYXY
from tests.processes import runs
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(300)
OpenHouse = Callable[..., House]


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[OpenHouse]:
    """Starts houses on folders by name: `open_house("a")`; the same name again is the same data."""
    opened: list[House] = []

    def start(name: str = "data", **settings: str) -> House:
        opened.append(House(tmp_path / name, **settings))
        return opened[-1]

    yield start
    for house in opened:
        house.close()


def pixels(jpeg: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), dtype=np.int16)


def test_a_picture_is_veiled_and_the_house_ends_and_begins_again(
    open_house: OpenHouse, astronaut_jpeg: bytes
) -> None:
    house = open_house()
    house.wait_for_banner()
    status = house.process_picture(astronaut_jpeg)
    assert status["status"] == "completed", status
    job_id = status["job_id"]

    processed = house.http.get(f"/images/{job_id}/processed", follow_redirects=True)
    assert processed.status_code == 200, processed.text
    difference = np.abs(pixels(astronaut_jpeg) - pixels(processed.content)).mean(axis=2)
    left, top, right, bottom = ASTRONAUT_FACE_XYXY
    face = difference[top:bottom, left:right]
    assert face.mean() > 8, "the face looks as before"
    # The lower half of the picture holds no face: only the JPEG's own noise may differ there.
    assert np.percentile(difference[300:], 99) < 12, "something beside the face was changed"

    everything = {house.process.pid, *house.children()}
    assert len(everything) >= 5  # supervisor, Redis, gateway, worker, reconciler
    assert house.interrupt() == 0, house.log
    wait_until(lambda: not [pid for pid in everything if runs(pid)], timeout_s=10, what="no process is left")

    again = open_house()
    again.wait_for_banner()
    assert again.http.get(f"/status/{job_id}").json()["status"] == "completed"
    assert again.http.get(f"/images/{job_id}/processed", follow_redirects=True).content == processed.content


def test_killed_children_come_back_and_the_next_picture_completes(
    open_house: OpenHouse, astronaut_jpeg: bytes
) -> None:
    house = open_house()
    house.wait_for_banner()
    for name, words in {"images-1": ("worker.py", "images"), "gateway": ("api_server.py",)}.items():
        before = house.pid_of(*words)
        os.kill(before, signal.SIGKILL)
        said = f"veilgate: {name} ended (SIGKILL); starting it again in 0.5 s"
        wait_until(partial(house.has_said, said), timeout_s=10, what=said)
    wait_until(lambda: answers(house), timeout_s=30, what="the gateway answers again")
    assert house.process_picture(astronaut_jpeg)["status"] == "completed"


def test_redis_killed_comes_back_with_everyone(open_house: OpenHouse, astronaut_jpeg: bytes) -> None:
    house = open_house()
    house.wait_for_banner()
    redis = next(pid for pid, line in house.children().items() if "redis-server" in line)
    os.kill(redis, signal.SIGKILL)
    said = "veilgate: redis ended (SIGKILL)"
    wait_until(partial(house.has_said, said), timeout_s=10, what=said)
    assert house.process_picture(astronaut_jpeg)["status"] == "completed"


def test_two_houses_stand_side_by_side(open_house: OpenHouse, astronaut_jpeg: bytes) -> None:
    first, second = open_house("first"), open_house("second")
    for house in (first, second):
        house.wait_for_banner()
    job_id = first.process_picture(astronaut_jpeg)["job_id"]
    assert first.http.get(f"/status/{job_id}").status_code == 200
    assert second.http.get(f"/status/{job_id}").status_code == 404
    assert first.interrupt() == 0
    assert second.process_picture(astronaut_jpeg)["status"] == "completed"


def test_second_start_on_the_same_folder_is_refused(open_house: OpenHouse) -> None:
    first = open_house()
    first.wait_for_banner()
    first_log = first.log
    second = open_house()
    assert second.process.wait(30) == 1
    assert f"process {first.process.pid}, http://127.0.0.1:{first.port}" in second.log
    assert "starting it again" not in first_log


def test_nothing_outlives_a_supervisor_that_is_killed(open_house: OpenHouse) -> None:
    house = open_house()
    house.wait_for_banner()
    everything = set(house.children())
    house.process.kill()
    wait_until(lambda: not [pid for pid in everything if runs(pid)], timeout_s=45, what="all are gone")


def answers(house: House) -> bool:
    try:
        return house.http.get("/ready").status_code == 200
    except httpx.TransportError:
        return False
