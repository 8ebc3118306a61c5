"""Which image is a near-duplicate of which: judged in the order of the log, each line once.

What was asked to be judged again, because the likest was erased, has a place in the log of its own: of one
that thousands were like there are thousands of such lines, 17 ms each, and new images do not wait for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from veilgate.domain.search import Hit, IndexOperation
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.near_duplicate_repository import Kinship, LineToJudge, group_of
from veilgate.persistence.races import WrittenByAnother
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.search.ports import Answer, VectorQuery
from veilgate.telemetry.failpoints import failpoint

_PAGE = 256
# Half a second: so long new images wait for others to be judged again.
_PAGE_AGAIN = 32
# The likest may be erased while it is written down, or be a near-duplicate of the image that is judged.
_CANDIDATES = 8


class FollowedIndex(Protocol):
    """An index that has got somewhere in the log."""

    @property
    def model_id(self) -> str: ...

    @property
    def seq(self) -> int: ...

    def search(self, queries: Sequence[VectorQuery]) -> list[Answer]: ...


class NearDuplicates:
    """`threshold` says from which likeness on an image is a near-duplicate, in a model's eyes; None while
    that is not known, and nothing is judged.

    An image is judged against those of its owner that were embedded before it. How far the log was judged
    is written down together with what came of it, so that a kill repeats nothing and leaves nothing out.
    """

    def __init__(self, database: Database, *, threshold: Callable[[str], float | None]) -> None:
        self._database = database
        self._threshold = threshold

    def judge_some(self, index: FollowedIndex) -> int:
        """Judge a page of lines that the index has followed; how many it was. Done by two at once, the later
        one's page counts for nothing."""
        threshold = self._threshold(index.model_id)
        if threshold is None:
            return 0
        try:
            new = self._judge_page(index, threshold, rejudged=False, limit=_PAGE)
            return new + self._judge_page(index, threshold, rejudged=True, limit=_PAGE_AGAIN)
        except WrittenByAnother:
            return 0

    def _judge_page(self, index: FollowedIndex, threshold: float, *, rejudged: bool, limit: int) -> int:
        counter = (rejudged_counter if rejudged else judged_counter)(index.model_id)
        followed_to = index.seq
        with self._database.read() as transaction:
            done = transaction.counters.get(counter)
            lines = transaction.near_duplicates.lines_after(
                done, up_to=followed_to, model_id=index.model_id, rejudged=rejudged, limit=limit
            )
        # Beyond the last line of its kind too, so that nobody reads those of the other kind again.
        up_to = lines[-1].seq if len(lines) == limit else followed_to
        if up_to <= done:
            return 0
        found = _search(index, [line for line in lines if _is_current(line)], least=threshold)
        failpoint("near_duplicates_found")
        self._write(counter, lines, found=found, done=done, up_to=up_to)
        failpoint("near_duplicates_written")
        return len(lines)

    @again_after_deadlock
    def _write(
        self,
        counter: str,
        lines: Sequence[LineToJudge],
        *,
        found: dict[int, list[Hit]],
        done: int,
        up_to: int,
    ) -> None:
        with self._database.write() as transaction:
            if not transaction.counters.raise_to(counter, up_to, above=done):
                raise WrittenByAnother
            judged = [line for line in lines if line.seq in found]
            if not judged:
                return
            candidates = {hit.image_id for hits in found.values() for hit in hits}
            held = transaction.near_duplicates.hold(candidates | {line.image_id for line in judged})
            for line in judged:
                if line.image_id in held:
                    _write_one(transaction, line, found[line.seq], held=held)


def judged_counter(model_id: str) -> str:
    """The counter that says up to which line a model's near-duplicates are written down."""
    return f"judged:{model_id}"


def rejudged_counter(model_id: str) -> str:
    """The same of the lines that ask for an image to be judged again."""
    return f"rejudged:{model_id}"


def _is_current(line: LineToJudge) -> bool:
    """Whether this line is to be judged: one whose image was embedded again since has a later line."""
    if line.vector is None or line.own_seq is None:
        return False
    return line.operation is IndexOperation.JUDGE or line.own_seq == line.seq


def _search(index: FollowedIndex, lines: Sequence[LineToJudge], *, least: float) -> dict[int, list[Hit]]:
    """By line, the earlier images that are like enough, likest first."""
    queries = [
        VectorQuery(
            line.owner_id,
            np.frombuffer(line.vector or b"", "<f4"),
            k=_CANDIDATES,
            below_seq=line.own_seq,
        )
        for line in lines
    ]
    answers = index.search(queries) if queries else []
    return {
        line.seq: [hit for hit in answer.hits if hit.score >= least and hit.image_id != line.image_id]
        for line, answer in zip(lines, answers, strict=True)
    }


def _write_one(
    transaction: Transaction, line: LineToJudge, hits: Sequence[Hit], *, held: dict[str, Kinship]
) -> None:
    """`held` is kept in step with what is written."""
    image_id, before = line.image_id, held[line.image_id]
    below = transaction.near_duplicates.below(image_id) if before.duplicate_group else set()
    likest = next(
        (
            hit
            for hit in hits
            if hit.image_id in held
            and held[hit.image_id].owner_id == line.owner_id
            and hit.image_id not in below
        ),
        None,
    )
    if likest is None:
        group = image_id if below else None
    else:
        group = group_of(likest.image_id, held)
        _make_root(transaction, likest.image_id, held)
    after = Kinship(
        line.owner_id, likest.image_id if likest else None, likest.score if likest else None, group
    )
    if after != before:
        transaction.near_duplicates.link(image_id, likest, group=group)
        held[image_id] = after
    if below and group and group != before.duplicate_group:
        transaction.near_duplicates.put_in_group(sorted(below), group)
        for one in below & held.keys():
            held[one] = replace(held[one], duplicate_group=group)


def _make_root(transaction: Transaction, image_id: str, held: dict[str, Kinship]) -> None:
    """Whoever has a near-duplicate belongs to a group, its own if to no other."""
    kin = held[image_id]
    if kin.duplicate_group is None:
        transaction.near_duplicates.put_in_group([image_id], image_id)
        held[image_id] = replace(kin, duplicate_group=image_id)
