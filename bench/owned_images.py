"""Fills a database with the images of one owner, as they are found by names, tags and words: rows only."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table

from bench.finished_jobs import image_row, job_row
from database_models import jobs, processed_images, tags
from veilgate.domain.access import ANONYMOUS
from veilgate.domain.ids import uuid7
from veilgate.domain.search import TermSource
from veilgate.domain.spelling import may_have_slips, one_left_out
from veilgate.domain.words import findable_words, words_of_labels
from veilgate.persistence.engine import WRITES, open_engine
from veilgate.persistence.tables.search import image_terms, term_spellings, terms

_ROWS_A_TRANSACTION = 5_000
_EVERY_MS = 30_000
# How often a detector finds what.
_FOUND = {"car": 0.5, "person": 0.3, "truck": 0.1, "bus": 0.05, "bicycle": 0.05, "zebra": 0.000_2}
_COLOURS = ("red", "blue", "white", "black", "silver", "green")
_THINGS = ("van", "house", "meadow", "dog", "harbour", "bridge", "field", "street", "market", "castle")
_SIDES = ("front", "left", "right", "rear", "detail")
# One in ten is described, in words of which few are in many descriptions.
_LETTERS = "abcdefghiklmnoprstuvwz"
_DESCRIBED, _WORDS_EACH, _VOCABULARY = 0.1, 12, 3_000


@dataclass(slots=True)
class _Rows:
    by_table: dict[Table, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: Table, row: dict[str, Any]) -> None:
        self.by_table.setdefault(table, []).append(row)

    def insert(self, connection: Connection) -> None:
        for table, rows in self.by_table.items():
            connection.execute(table.insert(), rows)


def fill(database_url: str, count: int) -> list[str]:
    """The ids of the images, oldest first; the newest was made just now."""
    engine = open_engine(database_url)
    chance, ids, known = random.Random(6), list[str](), set[str]()
    vocabulary = ["".join(chance.choices(_LETTERS, k=chance.randint(4, 10))) for _ in range(_VOCABULARY)]
    first_ms = time.time_ns() // 1_000_000 - count * _EVERY_MS
    for start in range(0, count, _ROWS_A_TRANSACTION):
        rows = _Rows()
        for number in range(start, min(count, start + _ROWS_A_TRANSACTION)):
            at_ms = first_ms + number * _EVERY_MS
            image_id = uuid7(unix_ms=at_ms, random=number << 40 | number)
            ids.append(image_id)
            _add(rows, image_id, at_ms, chance=chance, vocabulary=vocabulary)
        _add_new_terms(rows, known)
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            rows.insert(connection)
    engine.dispose()
    return ids


def _add(rows: _Rows, image_id: str, at_ms: int, *, chance: random.Random, vocabulary: list[str]) -> None:
    found = [label for label, share in _FOUND.items() if chance.random() < share]
    description = " ".join(_words(chance, vocabulary)) if chance.random() < _DESCRIBED else ""
    name = _name(chance, at_ms)
    rows.add(
        processed_images, {**image_row(image_id, at_ms), "filename": name, "description": description or None}
    )
    rows.add(jobs, job_row(image_id, at_ms))
    owned = {"image_id": image_id, "owner_id": ANONYMOUS}
    for label in found:
        rows.add(tags, {**owned, "tag": label, "source": TermSource.DETECTED, "count": 1})
    said = {
        TermSource.FILENAME: findable_words(name),
        TermSource.DETECTED: words_of_labels(found),
        TermSource.DESCRIBED: findable_words(description),
    }
    for source, words in said.items():
        for word in words:
            rows.add(image_terms, {**owned, "source": source, "term": word})


def _name(chance: random.Random, at_ms: int) -> str:
    if chance.random() < 0.7:
        return time.strftime("IMG_%Y%m%d_%H%M%S.jpg", time.gmtime(at_ms / 1000))
    words = (chance.choice(words) for words in (_COLOURS, _THINGS, _SIDES))
    return f"{'-'.join(words)}-{chance.randint(1, 999)}.jpg"


def _words(chance: random.Random, vocabulary: list[str]) -> Iterator[str]:
    for _ in range(_WORDS_EACH):
        yield vocabulary[int(len(vocabulary) * chance.random() ** 3)]


def _add_new_terms(rows: _Rows, known: set[str]) -> None:
    fresh = {row["term"] for row in rows.by_table[image_terms]} - known
    known |= fresh
    for term in sorted(fresh):
        rows.add(terms, {"owner_id": ANONYMOUS, "term": term})
        for spelling in one_left_out(term) if may_have_slips(term) else ():
            rows.add(term_spellings, {"owner_id": ANONYMOUS, "term": term, "spelling": spelling})
