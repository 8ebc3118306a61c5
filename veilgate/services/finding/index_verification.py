"""Whether what can be found is what there is: the index against the embeddings, and those against images."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from veilgate.domain.search import Exactness, Hit
from veilgate.persistence.search_records import EmbeddingRecord, IndexModel
from veilgate.persistence.unit_of_work import Database
from veilgate.search.client import SearchClient

_PAGE = 2_000
_SAMPLES = 20
_K = 10
# How often a sampled search may name others than comparing everything does, where it is approximate.
_LEAST_RECALL = 0.9
# A living house puts right by itself what lasts no longer.
_PATIENCE_S = 10.0
_POLL_S = 0.5
_REBUILD = "veilgate index rebuild"


@dataclass(frozen=True, slots=True)
class Finding:
    """`cure` is what to do about it."""

    name: str
    text: str
    cure: str


@dataclass(slots=True)
class _Sample:
    record: EmbeddingRecord
    likest: list[Hit] = field(default_factory=list)


class IndexVerification:
    """Of the model that serves, and of the search server that the client leads to."""

    def __init__(self, database: Database, search: SearchClient) -> None:
        self._database = database
        self._search = search

    def run(self) -> list[Finding]:
        with self._database.read() as transaction:
            serving = transaction.index_models.serving()
        if serving is None:
            return [Finding("no_model", "no search server has run on this database", "start one")]
        self._wait_for(serving)
        return [*self._of_rows(serving), *self._of_index(serving)]

    # --- rows

    def _of_rows(self, model: IndexModel) -> Iterator[Finding]:
        with self._database.read() as transaction:
            gaps = transaction.embedding_gaps
            hidden = gaps.embedded_and_not_shown(model.model_id)
            unlogged = gaps.embedded_and_not_logged(model.model_id)
            last_seq, newest = transaction.embeddings.last_seq(), gaps.newest_logged()
        if missing := self._missing_for_long(model):
            text = f"{missing:,} images show a result that {model.model_id} has not embedded"
            yield Finding("not_embedded", text, "veilgate index reembed")
        if hidden:
            text = f"{hidden:,} embeddings are of images that show no result"
            yield Finding("not_shown", text, "veilgate jobs verify --repair")
        if unlogged:
            text = f"{unlogged:,} embeddings are not in the log that indexes follow"
            yield Finding("not_logged", text, _REBUILD)
        if newest is not None and newest > last_seq:
            text = f"the log goes to {newest:,}, its counter to {last_seq:,}"
            yield Finding("counter_behind", text, f"put the counter index_seq to {newest}, then {_REBUILD}")

    def _missing_for_long(self, model: IndexModel) -> int:
        """How many are missing still when a living house has had its time."""
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            with self._database.read() as transaction:
                missing = transaction.embedding_gaps.count_missing(model.model_id)
            if not missing or time.monotonic() > until_s:
                return missing
            time.sleep(_POLL_S)

    # --- the index

    def _of_index(self, model: IndexModel) -> Iterator[Finding]:
        samples = self._samples(model)
        count, absent = 0, 0
        for page in self._pages(model):
            count += len(page)
            absent += self._absent(model, page)
            for sample in samples:
                _compare(sample, page)
        size = self._facts(model)["size"]
        if absent:
            text = f"{absent:,} of {count:,} embeddings are not in the index"
            yield Finding("not_indexed", text, _REBUILD)
        if size > count - absent:
            yield Finding("ghosts", f"the index has {size:,} images, the database {count:,}", _REBUILD)
        differing = [sample for sample in samples if not self._agrees(model, sample)]
        if differing:
            text = (
                f"{len(differing)} of {len(samples)} sampled searches name others than comparing everything"
            )
            yield Finding("wrong_answers", text, _REBUILD)

    def _pages(self, model: IndexModel) -> Iterator[list[EmbeddingRecord]]:
        after = 0
        while True:
            with self._database.read() as transaction:
                page = transaction.embeddings.page_of(model.model_id, after_seq=after, limit=_PAGE)
            if not page:
                return
            yield page
            after = page[-1].seq

    def _samples(self, model: IndexModel) -> list[_Sample]:
        """Spread evenly over all that was ever embedded."""
        with self._database.read() as transaction:
            last = transaction.embeddings.last_seq()
            found = {}
            for place in range(_SAMPLES):
                after = last * place // _SAMPLES
                for record in transaction.embeddings.page_of(model.model_id, after_seq=after, limit=1):
                    found[record.image_id] = record
        return [_Sample(record) for record in found.values()]

    def _absent(self, model: IndexModel, page: Sequence[EmbeddingRecord]) -> int:
        """How many of these the index does not know, when it is asked for nothing else."""
        absent = 0
        by_owner = sorted(page, key=lambda record: record.owner_id)
        for owner_id, records in groupby(by_owner, key=lambda record: record.owner_id):
            wanted = {record.image_id: record for record in records}
            vector = next(iter(wanted.values())).vector
            answer = self._search.search(
                model.model_id, owner_id, vector=vector, k=len(wanted), among=list(wanted)
            )
            lacking = wanted.keys() - {hit.image_id for hit in answer.hits}
            absent += self._still_embedded(model, owner_id, sorted(lacking))
        return absent

    def _still_embedded(self, model: IndexModel, owner_id: str, image_ids: Sequence[str]) -> int:
        """What was erased since the page was read is missing rightly."""
        with self._database.read() as transaction:
            return sum(
                transaction.embeddings.vector(image_id, model_id=model.model_id, owner_id=owner_id)
                is not None
                for image_id in image_ids
            )

    def _agrees(self, model: IndexModel, sample: _Sample) -> bool:
        answer = self._search.search(
            model.model_id, sample.record.owner_id, vector=sample.record.vector, k=_K
        )
        wanted = [hit.score for hit in sample.likest[:_K]]
        if answer.exactness is Exactness.EXACT:
            found = [hit.score for hit in answer.hits]
            return len(found) == len(wanted) and np.allclose(found, wanted, atol=1e-4)
        right = {hit.image_id for hit in sample.likest[:_K]} & {hit.image_id for hit in answer.hits}
        return len(right) >= _LEAST_RECALL * len(wanted)

    def _wait_for(self, model: IndexModel) -> None:
        """Until the index has followed what is committed now, or longer than that should take."""
        with self._database.read() as transaction:
            last_seq = transaction.embeddings.last_seq()
        until_s = time.monotonic() + _PATIENCE_S
        while self._facts(model)["seq"] < last_seq and time.monotonic() < until_s:
            time.sleep(_POLL_S)

    def _facts(self, model: IndexModel) -> dict[str, int]:
        indexes = self._search.health()["indexes"]
        facts: dict[str, int] | None = next(
            (index for index in indexes if index["model"] == model.model_id), None
        )
        return facts or {"seq": 0, "size": 0}


def _compare(sample: _Sample, page: Sequence[EmbeddingRecord]) -> None:
    """Keep the likest of the same owner that were met so far."""
    own = [record for record in page if record.owner_id == sample.record.owner_id]
    if not own:
        return
    rows = np.frombuffer(b"".join(record.vector for record in own), "<f4").reshape(len(own), -1)
    scores = rows @ np.frombuffer(sample.record.vector, "<f4")
    found = [
        Hit(record.image_id, float(score), record.seq) for record, score in zip(own, scores, strict=True)
    ]
    sample.likest = sorted([*sample.likest, *found], key=lambda hit: (-hit.score, hit.seq))[:_K]
