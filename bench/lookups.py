"""How long it takes to look up many pictures, beside what the limits of the providers allow; and what a
provider that hangs for ever costs everybody else. The vendors are the stubs of the tests, in a process of
their own."""

import asyncio
import http.client
import json
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import cv2
import numpy as np

from bench.detectors import DetectorPlan
from bench.house import Client, House, free_port, upload_all
from bench.tables import markdown_table
from bench.workplace import ROOT

LATENCY_S = 0.3
WITHIN = 1.3
HANGS = "azure_vision"
# Questions at once for each key: what the table of policies gives eBay and a model.
_CONCURRENCY = 4
_ACCOUNTS = {
    "google_vision": ("google_vision",),
    "serpapi": ("google_lens", "google_shopping"),
    "ebay": ("ebay_image", "ebay_search"),
    "azure_vision": ("azure_vision",),
    "vision_model": ("vision_model",),
}
_ABOUT_PICTURES = ("google_vision", "google_lens", "ebay_image", "azure_vision", "vision_model")
_CONNECTIONS = 4
_WARM_UP = 8
_SIZE_WH = (320, 240)
_MS = 1000


@dataclass(frozen=True, slots=True)
class Turn:
    """From the first lookup's first event. `ideal_s` is what the busiest account needs for the questions that
    it was asked, its places always taken; `lines_s` are when the last answer of each provider was there."""

    name: str
    pictures: int
    calls: int
    wall_s: float
    ideal_s: float
    median_s: float
    lines_s: dict[str, float]


@dataclass(frozen=True, slots=True)
class Result:
    """`bare_s` is what a loop takes that puts as many questions with as many places to the same stubs, and
    does nothing with the answers."""

    turns: tuple[Turn, Turn]
    bare_s: float


class Vendors:
    """The stubs; ended by the stack that they were given."""

    def __init__(self, stack: ExitStack) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.stubs", "--latency", str(LATENCY_S)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        assert process.stdout
        lines = iter(process.stdout.readline, "\n")
        self.settings = dict(line.strip().partition("=")[::2] for line in lines)
        self._control = self.settings.pop("CONTROL_URL")

    def calls(self) -> dict[str, int]:
        """How often each desk was asked so far."""
        desks = [desk for account in _ACCOUNTS.values() for desk in account]
        return {desk: int(json.loads(_answer(f"{self._control}/{desk}"))["calls"]) for desk in desks}

    def hang(self, desk: str) -> None:
        _answer(f"{self._control}/{desk}", json.dumps({"trouble": "hangs"}).encode())


def measure(plan: DetectorPlan, *, pictures: int) -> Result:
    """Pictures are veiled before. Each turn has its own: what was answered once is not asked again."""
    with ExitStack() as stack:
        vendors = Vendors(stack)
        port = str(free_port())
        settings = {**vendors.settings, "PORT": port, "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}"}
        # All pages would be at one host, of which no more than a few are read at a time.
        del settings["FETCH_ALLOW"]
        house = stack.enter_context(House(plan, **settings, **_limits()))
        images = _veiled(house, _WARM_UP + 2 * pictures)
        warm, first, second = images[:_WARM_UP], images[_WARM_UP : _WARM_UP + pictures], images[-pictures:]
        _turn("warm-up", house, vendors, warm)
        well = _turn("all answer after 0.3 s", house, vendors, first)
        bare_s = asyncio.run(_bare(vendors.settings, house.folder / "0.jpg", pictures))
        vendors.hang(HANGS)
        return Result((well, _turn(f"{HANGS} hangs for ever", house, vendors, second)), bare_s)


def report(result: Result) -> str:
    turns = result.turns
    heads = ("", "pictures", "questions", "wall s", "ideal s", "wall / ideal", "median lookup s")
    rows = [
        (
            turn.name,
            str(turn.pictures),
            str(turn.calls),
            f"{turn.wall_s:.1f}",
            f"{turn.ideal_s:.1f}",
            f"{turn.wall_s / turn.ideal_s:.2f}",
            f"{turn.median_s:.1f}",
        )
        for turn in turns
    ]
    well, hanging = turns
    others = [name for name in _ABOUT_PICTURES if name != HANGS]
    lines = [
        (name, f"{well.lines_s[name]:.1f}", f"{hanging.lines_s[name]:.1f}", f"{_slower(name, turns):.2f}")
        for name in others
    ]
    share, worst = well.wall_s / well.ideal_s, max(_slower(name, turns) for name in others)
    beside_bare = well.wall_s / result.bare_s
    verdicts = (
        f"- wall / ideal = {share:.2f}; goal at most {WITHIN}: {_met(share <= WITHIN)}\n"
        f"- a bare loop took {result.bare_s:.1f} s in the same minute; the house {beside_bare:.2f} × that\n"
        f"- the last line of others comes {worst:.2f} times as late beside {HANGS} that hangs"
    )
    last = markdown_table(("last line of", "all well, s", f"{HANGS} hangs, s", "ratio"), lines)
    return f"## Lookups\n\n{markdown_table(heads, rows)}\n\n{last}\n\n{verdicts}"


def as_rows(result: Result) -> dict[str, Any]:
    return asdict(result)


def _limits() -> Mapping[str, str]:
    each = [
        f"{name}.{limit}"
        for name in _ACCOUNTS
        for limit in (f"concurrency={_CONCURRENCY}", "per_second=10000", "daily_calls=0")
    ]
    return {"LOOKUP_LIMITS": ",".join(each), "LOOKUP_DAILY_USD": "0", "LOOKUP_TIMEOUT_S": "300"}


def _veiled(house: House, count: int) -> list[str]:
    paths = [_picture(house.folder, number) for number in range(count)]
    ids = upload_all(house.port, paths, connections=_CONNECTIONS)
    Client(house.port).wait_for(ids)
    return ids


def _picture(folder: Path, number: int) -> Path:
    """A small one; no two look alike."""
    shapes = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    path = folder / f"{number}.jpg"
    cv2.imwrite(str(path), cv2.resize(shapes, _SIZE_WH, interpolation=cv2.INTER_CUBIC))
    return path


def _turn(name: str, house: House, vendors: Vendors, images: Sequence[str]) -> Turn:
    before = vendors.calls()
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        shares = [images[number::_CONNECTIONS] for number in range(_CONNECTIONS)]
        lookups = [
            job_id for found in pool.map(lambda ids: _ask(house.port, ids), shares) for job_id in found
        ]
    Client(house.port).wait_for(lookups)
    asked = {desk: calls - before[desk] for desk, calls in vendors.calls().items()}
    busiest = max(sum(asked[desk] for desk in account) for account in _ACCOUNTS.values())
    return _timed(name, house, lookups, calls=sum(asked.values()), ideal_s=busiest * LATENCY_S / _CONCURRENCY)


async def _bare(settings: Mapping[str, str], picture: Path, pictures: int) -> float:
    url = settings["AZURE_VISION_ENDPOINT"] + "/computervision/imageanalysis:analyze"
    headers = {
        "Ocp-Apim-Subscription-Key": settings["AZURE_VISION_KEY"],
        "Content-Type": "application/octet-stream",
    }
    wanted = {"api-version": "2023-10-01", "features": "caption,tags"}
    body, began_s = picture.read_bytes(), time.monotonic()
    async with aiohttp.ClientSession(headers=headers) as session:

        async def ask(place: asyncio.Semaphore) -> None:
            async with place, session.post(url, params=wanted, data=body) as answer:
                assert answer.status == 200
                await answer.read()

        places = [asyncio.Semaphore(_CONCURRENCY) for _ in _ACCOUNTS]
        await asyncio.gather(*(ask(place) for place in places for _ in range(pictures)))
    return time.monotonic() - began_s


def _ask(port: int, image_ids: Sequence[str]) -> list[str]:
    """The lookups' ids."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        ids = []
        for image_id in image_ids:
            connection.request("POST", f"/images/{image_id}/lookup")
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 202, body
            ids.append(str(json.loads(body)["job_id"]))
        return ids


def _timed(name: str, house: House, lookups: Sequence[str], *, calls: int, ideal_s: float) -> Turn:
    """By the events, whose times are the database's."""
    with closing(sqlite3.connect(house.folder / "data" / "veilgate.db")) as database:
        marks = ",".join("?" * len(lookups))
        query = f"SELECT job_id, stage, created_at_ms FROM stage_events WHERE job_id IN ({marks})"  # noqa: S608
        events = database.execute(query, tuple(lookups)).fetchall()
    began_ms = min(at_ms for _, _, at_ms in events)
    ends, begins, lines = {}, {}, {}
    for job_id, stage, at_ms in events:
        ends[job_id] = max(at_ms, ends.get(job_id, 0))
        begins[job_id] = min(at_ms, begins.get(job_id, at_ms))
        if stage in _ABOUT_PICTURES:
            lines[stage] = max(at_ms - began_ms, lines.get(stage, 0))
    return Turn(
        name,
        len(lookups),
        calls,
        (max(ends.values()) - began_ms) / _MS,
        ideal_s,
        median(ends[job_id] - begins[job_id] for job_id in ends) / _MS,
        {stage: late_ms / _MS for stage, late_ms in lines.items()},
    )


def _slower(name: str, turns: Sequence[Turn]) -> float:
    well, hanging = turns
    return hanging.lines_s[name] / well.lines_s[name]


def _answer(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, body, timeout=30) as answer:  # noqa: S310 - always http
        return bytes(answer.read())


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
