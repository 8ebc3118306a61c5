"""How long a page of one's images takes, and a search by words, in a library of so many."""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.busy_connections import Load, Questions
from bench.owned_images import fill
from bench.servers import gateway_server
from bench.services import MariaDb, mariadb_is_here
from bench.tables import markdown_table
from bench.workplace import WORK

_PAGES: dict[str, dict[str, str]] = {
    "the newest 50": {},
    "the newest 200": {"limit": "200"},
    "tag of half of them": {"tag": "car"},
    "tag of one in 5,000": {"tag": "zebra"},
    "two tags, of half and of a third": {"tag": "car", "vehicle": "person"},
    "a tag that none has": {"tag": "none"},
    "file name that begins so, seven in ten": {"filename": "IMG_*"},
    "file name that begins so, one in twenty": {"filename": "red-*"},
    "without near-duplicates": {"near_duplicates": "false"},
}
_WORDS: dict[str, dict[str, str]] = {
    "a word of one in 5,000": {"q": "zebra"},
    "a word of one in 30": {"q": "harbour"},
    "a word of half of them": {"q": "car"},
    "two words, of one in 20 and of half": {"q": "white car"},
    "three words, of one in 20 to a half": {"q": "red van left"},
    "the beginning of a word, seven in ten": {"q": "im"},
    "synonyms": {"q": "pasture"},
    "a slip": {"q": "harbuor"},
    "ten words": {"q": "red van front left dog market castle bridge street house"},
    "a word of half, with a rare tag": {"q": "car", "tag": "zebra"},
}


@dataclass(frozen=True, slots=True)
class Timing:
    database: str
    question: str
    median_ms: float
    p99_ms: float


def measure(*, images: int, turn_s: float) -> list[Timing]:
    """One connection asks one question after another, as somebody who looks for something does."""
    WORK.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="browse-", dir=WORK))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        urls = {"SQLite": ""}
        if mariadb_is_here():
            urls["MariaDB"] = MariaDb(folder / "mariadb", stack).new_database("browse")
        load = Load(1)
        stack.callback(load.close)
        found = []
        for database, url in urls.items():
            gateway = gateway_server(folder / database, stack, DATABASE_URL=url)
            ids = fill(gateway.database_url, images)
            for question, path in _questions(ids).items():
                served = load.turn(gateway.port, Questions((path,)), seconds=turn_s, expected=200)
                found.append(Timing(database, question, served.median_ms, served.p99_ms))
        return found


def report(timings: list[Timing], *, images: int) -> str:
    databases = list(dict.fromkeys(timing.database for timing in timings))
    by_question: dict[str, list[str]] = {}
    for timing in timings:
        cells = by_question.setdefault(timing.question, [])
        cells += [f"{timing.median_ms:.1f}", f"{timing.p99_ms:.1f}"]
    heads = [f"{database}, {number} ms" for database in databases for number in ("median", "p99")]
    rows = [[question, *cells] for question, cells in by_question.items()]
    return f"## Looking through {images:,} images\n\n{markdown_table(['', *heads], rows)}"


def as_rows(timings: list[Timing]) -> list[dict[str, Any]]:
    return [asdict(timing) for timing in timings]


def _questions(ids: list[str]) -> dict[str, str]:
    pages = {f"page: {name}": f"/images?{urlencode(asked)}" for name, asked in _PAGES.items()}
    words = {f"search: {name}": f"/search?{urlencode(asked)}" for name, asked in _WORDS.items()}
    return {**pages, "one image": f"/images/{ids[0]}", **words}
