"""A picture is veiled by the user's own checkpoint, by the same worker.py, in the environment with torch."""

import io
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.paths import REPOSITORY_ROOT
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.torch.gpu_environment import GpuEnvironment
from tests.torch.inside.scenes import NAMES, make_scene
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def house(
    environment: GpuEnvironment,
    car_face_blur: Path,
    converted_folder: Path,
    tmp_path: Path,
    redis_server: RunningRedis,
) -> Iterator[Gateway]:
    """A gateway of this environment, and an images worker of the one with torch."""
    settings = {
        "FACE_DETECTION_MODEL_PATH": str(car_face_blur),
        "FACE_DETECTION_SIZE": "320",
        "FACE_CONFIDENCE_THRESHOLD": "0.5",
    }
    places = {"DATA_DIR": str(tmp_path / "data"), "REDIS_URL": redis_server.url, "MODEL_FETCH": "false"}
    with ExitStack() as stack:
        gateway = Gateway(tmp_path / "data", redis_server.url, bucket_keys=tuple, **settings)
        stack.callback(gateway.close)
        log = stack.enter_context((tmp_path / "worker.log").open("wb"))
        worker = subprocess.Popen(
            [environment.python, "worker.py", "images"],
            cwd=REPOSITORY_ROOT,
            env={**environment.variables, **settings, **places},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        stack.callback(worker.wait, 30)
        stack.callback(worker.terminate)

        def works() -> bool:
            assert worker.poll() is None, (tmp_path / "worker.log").read_text()[-4000:]
            return bool(gateway.http.get("/health").json()["workers"]["images"])

        wait_until(works, timeout_s=120, what="the images worker")
        yield gateway


def test_a_checkpoint_with_spaces_in_its_name_veils(house: Gateway) -> None:
    scene = make_scene(np.random.default_rng(7), width=320, height=240)
    assert sorted(scene.classes) == [0, 1], "a face and a car"
    file = io.BytesIO()
    Image.fromarray(scene.pixels).save(file, "PNG")
    job_id = house.accepted_job(file.getvalue(), blur_style="solid")  # flat colours
    document = house.ended(job_id)
    assert document["status"] == "completed", document
    veiled = np.asarray(Image.open(io.BytesIO(house.http.get(f"/images/{job_id}/processed").content)))
    for kind, (x1, y1, x2, y2) in zip(scene.classes, scene.boxes_xyxy, strict=True):
        centre = np.s_[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8]
        changed = not np.array_equal(veiled[centre], scene.pixels[centre])
        assert changed == (kind == 0), f"{NAMES[kind]} at {(x1, y1, x2, y2)}: {document}"
    model = house.http.get("/health").json()["models"]["faces"]
    assert model["id"].startswith("Car Face Blur Model@")
