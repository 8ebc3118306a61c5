"""Images come and go while likes are asked for: every answer is what comparing everything says at a moment
between question and answer. SOAK=30 goes on for so many seconds."""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.fixtures.vector_oracle import VectorOracle
from tests.integration.search.search_house import (
    SearchHouse,
    Server,
    Vectors,
    insert_image,
    new_embedding,
    random_vectors,
)
from veilgate.domain.ids import new_id
from veilgate.domain.search import IndexOperation
from veilgate.search.ports import Answer, IndexEntry, VectorQuery

SECONDS = float(os.environ.get("SOAK", "2"))
SEARCHERS = 3
FEWEST = 20
POOL = random_vectors(60, seed=40)
OWNER = "restless"


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer, and between which lines of the log it was given."""

    query: VectorQuery
    answer: Answer
    from_seq: int
    to_seq: int


class Writer:
    """Adds, replaces and removes, a line of the log in each transaction; what it has drawn the oracle knows
    before it is committed."""

    def __init__(self, house: SearchHouse) -> None:
        self.oracle = VectorOracle()
        self.drawn = house.last_seq()
        self._house = house
        self._chance = random.Random(40)
        self._alive: list[str] = []

    def write(self, until_s: float) -> None:
        """Until then, and longer where that is too short for a few of each."""
        steps = 0
        while time.monotonic() < until_s or steps <= FEWEST:
            self._step()
            steps += 1

    def _step(self) -> None:
        kind = self._chance.choice(("add", "remove", "replace")) if len(self._alive) > FEWEST else "add"
        with self._house.shelf.database.write() as transaction:
            if kind == "add":
                image_id = new_id()
                insert_image(transaction, image_id, OWNER)
                self._alive.append(image_id)
            else:
                image_id = self._chance.choice(self._alive)
            if kind == "remove":
                self._alive.remove(image_id)
                transaction.embeddings.remove(image_id)
                self._note(transaction.embeddings.last_seq(), IndexOperation.REMOVE, image_id)
            else:
                vector = POOL[self._chance.randrange(len(POOL))]
                transaction.embeddings.put([new_embedding(image_id, vector, owner=OWNER)])
                self._note(transaction.embeddings.last_seq(), IndexOperation.ADD, image_id, vector)

    def _note(
        self, seq: int, operation: IndexOperation, image_id: str, vector: Vectors | None = None
    ) -> None:
        self.oracle.apply([IndexEntry(seq, operation, image_id, OWNER, vector)])
        self.drawn = seq


def ask(server: Server, writer: Writer, *, seed: int, until_s: float) -> list[Asked]:
    chance = random.Random(seed)
    asked = []
    while time.monotonic() < until_s:
        query = VectorQuery(OWNER, POOL[chance.randrange(len(POOL))], k=chance.randint(1, 15))
        found = server.search(query.vector, k=query.k, owner=OWNER)
        answer = Answer(found.hits, found.exactness, found.candidates)
        asked.append(Asked(query, answer, found.seq, writer.drawn))
        time.sleep(0.01)  # the checks afterwards take longer than the answers
    return asked


def test_every_answer_is_right_while_images_come_and_go(shared_house: SearchHouse, server: Server) -> None:
    writer = Writer(shared_house)
    until_s = time.monotonic() + SECONDS
    with ThreadPoolExecutor(SEARCHERS + 1) as threads:
        written = threads.submit(writer.write, until_s)
        searching = [
            threads.submit(ask, server, writer, seed=seed, until_s=until_s) for seed in range(SEARCHERS)
        ]
        asked = [one for searcher in searching for one in searcher.result()]
        written.result()
    for one in asked:
        writer.oracle.check_meanwhile(one.answer, one.query, from_seq=one.from_seq, to_seq=one.to_seq)
    assert len({one.from_seq for one in asked}) > 2, "the index did not move"
    server.wait_until_followed()
    for vector in POOL:
        found = server.search(vector, k=50, owner=OWNER)
        answer = Answer(found.hits, found.exactness, found.candidates)
        writer.oracle.check(answer, VectorQuery(OWNER, vector, k=50))
