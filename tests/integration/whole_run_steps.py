"""What happens in the whole run, step by step."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from urllib.parse import quote
from uuid import uuid4

import httpx
from PIL import Image

from tests.fixtures.odd_server import whole
from tests.integration.api.keys import LockedGateway
from tests.integration.api.samples import GOOD, picture
from tests.integration.whole_run import Outside, Run, Wires
from tests.waiting import wait_until

# A picture that no model can look at.
CURSED = picture(seed=13)
CURSED_SHA256 = hashlib.sha256(CURSED).hexdigest()
FORGED = '{"event": "job.completed", "forged": true}'


def photo(run: Run) -> bytes:
    """With what cameras and people write into files."""
    written = Image.Exif()
    written[0x010E] = run.keep("exif-description")
    written[0x013B] = run.keep("exif-artist")
    spool = BytesIO()
    Image.open(BytesIO(picture(seed=1, size_wh=(96, 80)))).save(spool, "JPEG", exif=written)
    return spool.getvalue()


def follow_a_picture(house: LockedGateway, run: Run, outside: Outside) -> None:
    """Uploaded, veiled, looked up, and told of by a webhook whose first message is refused."""
    outside.sink.answer = lambda _received: 503 if len(outside.sink.received) == 0 else 200
    hook = {"url": f"{outside.sink.url}?token={run.hide('webhook-token', uuid4().hex)}"}
    run.hide("webhook-secret", house.http.post("/webhooks", json=hook).json()["secret"])
    headers = {
        "X-Request-ID": run.correlation_id,
        "X-Forwarded-For": run.keep("client-address", "203.0.113.77"),
        "User-Agent": run.keep("user-agent"),
    }
    answer = house.http.post(
        f"/upload?note={run.keep('query-string')}",
        files={"file": (f"{run.keep('file-name')}.jpg", photo(run))},
        data={"lookups": "true"},
        headers=headers,
    )
    run.job_id = run.heard(answer).json()["job_id"]
    assert house.ended(run.job_id)["status"] == "completed"
    run.lookup_id = house.status(run.job_id)["lookup_job_id"]
    found = house.ended(run.lookup_id)["results"]
    run.keep("what-it-shows", found["model-producer"]["model"])
    run.keep("whose-it-is", found["producer-url"]["url"])
    wait_until(lambda: len(outside.sink.received) > 1, timeout_s=30, what="two messages")


def say_private_things(house: LockedGateway, run: Run, outside: Outside) -> None:
    notes = {"description": run.keep("caption"), "tags": [run.keep("tag")]}
    assert house.http.patch(f"/images/{run.job_id}", json=notes).is_success
    assert house.http.get("/search", params={"q": run.keep("searched-for")}).is_success
    path = f"/{run.keep('web-page')}.jpg?token={run.hide('web-token', uuid4().hex)}"
    address = outside.web.say(path, whole(picture(seed=2), "Content-Type: image/jpeg"))
    sent = house.http.post("/upload-url", json={"image_url": address})
    assert house.ended(sent.json()["job_id"])["status"] == "completed"


def send_what_fails(house: LockedGateway, run: Run) -> None:
    run.failed_id = house.accepted_job(CURSED)
    assert house.ended(run.failed_id)["error"]["code"] == "stage_failed"


def forge_lines(house: LockedGateway) -> None:
    """In whatever a caller may write that could be logged."""
    ending = f"x\n{FORGED}\n"
    house.upload(b"no picture", filename=ending)
    house.http.get(f"/status/{quote(ending)}")
    house.http.get(f"/{quote(ending)}")
    house.http.post("/upload-url", json={"image_url": f"http://127.0.0.1:1/{ending}"})


def work(house: LockedGateway, run: Run) -> None:
    run.heard(answer := house.upload(GOOD))
    job_id = answer.json()["job_id"]
    assert house.ended(job_id)["status"] == "completed"
    for path in ("/health", "/ready", "/openapi.json", "/stats", f"/jobs/{job_id}/events"):
        assert run.heard(house.http.get(path)).is_success


def sign_in(house: LockedGateway, run: Run, key: str) -> None:
    with httpx.Client(base_url=house.http.base_url, trust_env=False) as browser:
        opened = browser.post("/session", headers={"Authorization": f"Bearer {key}"})
        assert opened.status_code == 201
        # Its caller is told the token of the session, and nobody else.
        run.hide("csrf-token", opened.json()["csrf_token"])
        run.hide("session", browser.cookies["veilgate_session"])
        assert browser.get("/session").is_success
        assert run.heard(browser.post("/jobs/none/cancel")).status_code == 403


def show_wrong_credentials(house: LockedGateway, run: Run) -> None:
    wrong = run.hide("wrong-key", f"vg_{uuid4().hex}_{uuid4().hex}")
    ask = httpx.Client(base_url=house.http.base_url, trust_env=False)
    with ask:
        for headers in (
            {"Authorization": f"Bearer {wrong}"},
            {"Authorization": f"Basic {wrong}"},
            {"X-API-Key": wrong},
            {"X-API-Key": house.http.headers["Authorization"].removeprefix("Bearer ")[:-1]},
            {"Cookie": f"veilgate_session={wrong}"},
        ):
            assert run.heard(ask.get("/session", headers=headers)).status_code == 401
        for parameter in ("key", "token", "anything"):
            assert run.heard(ask.get(f"/session?{parameter}={quote(wrong)}")).status_code == 401
            assert run.heard(ask.post(f"/upload?{parameter}={quote(wrong)}")).status_code == 401
        assert run.heard(house.upload(GOOD, blur_style="none")).status_code == 422


def lose_everything(house: LockedGateway, wires: Wires, run: Run) -> None:
    for wire, said in (
        (wires.redis, "redis_away"),
        (wires.store, "object_store_unavailable"),
        (wires.database, "database_unavailable"),
    ):
        wire.cut()
        wait_until(lambda said=said: _refused(house, run, said), timeout_s=60, what=said)  # type: ignore[misc]
        run.heard(house.http.get("/health"))
    house.kill()
    house.stop_workers()


def _refused(house: LockedGateway, run: Run, said: str) -> bool:
    return said in run.heard(house.upload(GOOD + uuid4().bytes)).text + house.log


def start_wrongly(house: LockedGateway, run: Run) -> None:
    """With every server away, and with settings that are none."""
    init = ("init_database.py",)
    commands: list[tuple[str, ...]] = [init, ("worker.py", "images"), ("-m", "veilgate", "jobs", "list")]
    starts: list[tuple[tuple[str, ...], dict[str, str]]] = [(command, {}) for command in commands]
    starts += [(init, settings) for settings in _wrong_settings(run)]
    with ThreadPoolExecutor(len(starts)) as pool:
        for heard in [pool.submit(_hear_the_end, house, run, *words, **named) for words, named in starts]:
            heard.result()


def _wrong_settings(run: Run) -> Iterator[dict[str, str]]:
    yield {"DATABASE_URL": f"mysql://u:{run.hide('wrong-scheme')}@h/d"}
    yield {"REDIS_URL": f"http://:{run.hide('wrong-redis')}@h"}
    yield {"JWT_SECRET": run.hide("short-secret", "short-secret"), "PORT": "none"}
    yield {"VAULT_TOKEN": run.hide("wrong-token")}


def _hear_the_end(house: LockedGateway, run: Run, *command: str, **settings: str) -> None:
    ended = house.processes.ask(*command, **settings)
    assert ended.returncode != 0, (command, settings)
    run.said[f"{command} {sorted(settings)}"] = ended.stdout + ended.stderr
