"""A house at work: `verify` reports nothing that is only on its way, and its repairs harm no work."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from rq.utils import as_text

from tests.fixtures.paths import find_free_port
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.conftest import Furnish
from tests.integration.api.gateway import START_TIMEOUT_S, STOP_TIMEOUT_S, Gateway
from tests.integration.api.samples import picture
from tests.integration.cli.conftest import build
from tests.integration.cli.household import INTERACTIVE, Household
from tests.processes import is_stopped
from tests.waiting import wait_until
from veilgate.domain.ids import uuid7

ROUNDS = 2
CALLERS = 3
# So many jobs are asked for between two looks.
STRIDE = 8


@pytest.fixture(scope="module")
def live_house(
    tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis, furnish: Furnish
) -> Iterator[Household]:
    with build(tmp_path_factory.mktemp("live"), f"{_redis_of_gateways.url}?db=5", furnish()) as house:
        house.gateway.start_workers()
        yield house


@contextmanager
def busy(gateway: Gateway) -> Iterator[list[str]]:
    """Callers who upload, cancel, retry and ask for redos until the block ends; the ids of their jobs."""
    stop, job_ids = threading.Event(), list[str]()

    def call(seed: int) -> None:
        chance = random.Random(seed)
        # At a walk: each look costs the more the more there is, and a bucket is asked for every file.
        while not stop.wait(0.05):
            upload = picture(size_wh=(64, 48), seed=chance.randrange(10**9))
            job_id = gateway.accepted_job(upload)
            job_ids.append(job_id)
            match chance.randrange(5):
                case 0:
                    gateway.http.post(f"/jobs/{job_id}/cancel")
                case 1:
                    gateway.http.post(f"/jobs/{job_id}/cancel")
                    gateway.http.post(f"/jobs/{job_id}/retry")
                case 2:
                    answer = gateway.http.post(f"/images/{job_id}/redo", json={"blur_style": "solid"})
                    job_ids.append(str(answer.json()["job_id"]))
                case 3:
                    gateway.ended(job_id)  # or the line would grow for as long as we look

    callers = [threading.Thread(target=call, args=(seed,)) for seed in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield job_ids
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def wait_for_work(job_ids: list[str]) -> None:
    enough = len(job_ids) + STRIDE
    wait_until(lambda: len(job_ids) >= enough, timeout_s=60, what="callers to go on")


def put_off_its_list(house: Household) -> str:
    """Takes a job from the line while callers make it long."""
    queue = f"rq:queue:{INTERACTIVE}"
    entry = wait_until(lambda: house.redis.lpop(queue), timeout_s=30, what="a job that waits")
    job_id = str(as_text(entry))
    house.age(job_id)
    return job_id


def leave_old_files(house: Household, number: int) -> str:
    four_days_ago = int(time.time() * 1000) - 4 * 86_400_000
    key = f"results/{uuid7(unix_ms=four_days_ago, random=number)}/1/processed.jpg"
    house.store.put(key, b"x", media_type="image/jpeg")
    return key


def assert_nothing_good_was_lost(house: Household, job_ids: list[str], *, but: list[str]) -> None:
    """Each job that completed has its files, `but` those a test broke, and each image its original and what
    it shows."""
    stored = set(house.store.list(""))
    ended = {job["id"]: job for job in house.gateway.select("SELECT * FROM jobs")}
    assert set(job_ids) <= ended.keys()
    assert {job["status"] for job in ended.values()} <= {"completed", "cancelled"}
    for job in ended.values():
        if job["status"] == "completed" and job["id"] not in but:
            assert files_of(job["result_key"]) <= stored, job
    for image in house.gateway.select("SELECT * FROM processed_images"):
        assert image["original_key"] in stored
        if image["current_job_id"]:
            assert files_of(ended[image["current_job_id"]]["result_key"]) <= stored, image


def files_of(result_key: str) -> set[str]:
    return {f"{result_key}{name}" for name in ("processed.jpg", "thumbnail-1024.jpg", "thumbnail-320.jpg")}


def wait_for_the_end_of_all(house: Household) -> None:
    def left() -> list[dict[str, Any]]:
        return house.gateway.select("SELECT * FROM jobs WHERE status IN ('submitted', 'processing')")

    try:
        wait_until(lambda: not left(), timeout_s=60, what="the end of all jobs")
    except AssertionError as error:
        telling = [*(row["id"] for row in left()), "process.died", "thread.died"]
        log = house.gateway.log.splitlines()
        told = [line for line in log if any(word in line for word in telling)]
        raise AssertionError("\n".join([str(error), *map(str, left()), *told])) from None


def test_an_upload_held_before_its_commit_keeps_its_original(live_house: Household) -> None:
    port = find_free_port()
    held = {"PORT": str(port), "FAILPOINTS": "after_put:stop@1"}
    second = live_house.gateway.processes.start("api_server.py", **held)
    answers: list[httpx.Response] = []
    before = set(live_house.store.list("original/"))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:

        def upload() -> None:
            answers.append(http.post("/upload", files={"file": ("a.jpg", picture(seed=77))}))

        try:
            wait_until(lambda: is_ready(http), timeout_s=START_TIMEOUT_S, what="the second gateway")
            caller = threading.Thread(target=upload)
            caller.start()
            wait_until(lambda: is_stopped(second.pid), timeout_s=10, what="the gateway to freeze")
            new = set(live_house.store.list("original/")) - before
            verdicts, _ = live_house.verify(repair=True)
            assert verdicts == []
            second.send_signal(signal.SIGCONT)
            caller.join()
        finally:
            second.send_signal(signal.SIGCONT)
            second.terminate()
            second.wait(STOP_TIMEOUT_S)
    job_id = str(answers[0].json()["job_id"])
    assert {live_house.original(job_id)} == new
    assert live_house.gateway.ended(job_id)["status"] == "completed"


def test_nothing_is_wrong_that_is_only_on_its_way(live_house: Household) -> None:
    with busy(live_house.gateway) as job_ids:
        for _ in range(ROUNDS):
            wait_for_work(job_ids)
            verdicts, summary = live_house.verify(repair=True)
            assert (verdicts, summary.agrees) == ([], True)
        assert live_house.jobs("requeue-missing").returncode == 0
        assert summary.looked_at["jobs with their events"] > 0
    wait_for_the_end_of_all(live_house)
    assert_nothing_good_was_lost(live_house, job_ids, but=[])
    assert live_house.found(deep=True) == set()


def test_repairs_beside_work_harm_none_of_it(live_house: Household) -> None:
    victims = live_house.upload(ROUNDS)
    assert {live_house.gateway.ended(job_id)["status"] for job_id in victims} == {"completed"}
    found: set[str] = set()
    with busy(live_house.gateway) as job_ids:
        for number, victim in enumerate(victims):
            live_house.store.delete([f"{live_house.result_key(victim)}thumbnail-320.jpg"])
            forgotten = leave_old_files(live_house, number)
            wait_for_work(job_ids)
            job_ids.append(put_off_its_list(live_house))
            verdicts, summary = live_house.verify(repair=True)
            assert summary.agrees, verdicts
            found |= {verdict.finding.name for verdict in verdicts}
            assert forgotten not in set(live_house.store.list("results/"))
    assert {"result_missing", "result_orphan"} <= found
    assert found <= {"result_missing", "result_orphan", "job_not_listed"}
    wait_for_the_end_of_all(live_house)
    assert_nothing_good_was_lost(live_house, job_ids + victims, but=victims)
    assert live_house.found(deep=True) == set()


def is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/ready").status_code == 200
    except httpx.TransportError:
        return False
