"""Queries against a view of an index, those that look for the same images together."""

from collections.abc import Sequence

import numpy as np

from veilgate.domain.search import Exactness
from veilgate.search.identifiers import pack_known
from veilgate.search.ports import Answer, VectorQuery
from veilgate.search.proposals import approximation_of, propose
from veilgate.search.ranking import Contenders, best, contend, has_direction, score_all
from veilgate.search.view import Candidates, View, Wanted


def search_view(view: View, queries: Sequence[VectorQuery], *, exact_within: int) -> list[Answer]:
    """Up to so many candidates are compared one by one; of more an approximation proposes the likest."""
    answers: dict[int, Answer] = {}
    groups: dict[tuple[str, frozenset[str] | None], list[int]] = {}
    for number, query in enumerate(queries):
        if not has_direction(query.vector):
            answers[number] = Answer((), Exactness.EXACT, 0)
            continue
        groups.setdefault((query.owner_id, query.among), []).append(number)
    for numbers in groups.values():
        group = [queries[number] for number in numbers]
        found = _answer_group(view, group, exact_within=exact_within)
        answers.update(zip(numbers, found, strict=True))
    return [answers[number] for number in range(len(queries))]


def _answer_group(view: View, group: Sequence[VectorQuery], *, exact_within: int) -> list[Answer]:
    """All of one owner, and among the same images."""
    bounds = {query.below_seq for query in group}
    widest = None if None in bounds else max(bound for bound in bounds if bound is not None)
    among = None if group[0].among is None else pack_known(group[0].among)
    wanted = Wanted(group[0].owner_id, below_seq=widest, among=among)
    candidates = view.candidates(wanted)
    count = sum(each.count for each in candidates)
    if count <= exact_within or not any(approximation_of(each, wanted.owner_id) for each in candidates):
        return _compare_all(candidates, group, all_alike=len(bounds) == 1)
    if len(bounds) == 1:
        return _approximate(candidates, group, count=count)
    return [answer for query in group for answer in _answer_group(view, [query], exact_within=exact_within)]


def _compare_all(
    candidates: Sequence[Candidates], group: Sequence[VectorQuery], *, all_alike: bool
) -> list[Answer]:
    vectors = np.stack([query.vector for query in group])
    contenders: list[list[Contenders]] = [[] for _ in group]
    counts = [0] * len(group)
    for each in candidates:
        scores = score_all(each, vectors)
        seqs = each.part.seqs[each.rows]
        for number, query in enumerate(group):
            count = each.count
            if not all_alike and query.below_seq is not None:
                is_later = seqs >= query.below_seq
                scores[number, is_later] = -np.inf
                count -= int(is_later.sum())
            contenders[number].append(contend(each, scores[number], query.k))
            counts[number] += count
    return [
        Answer(best(contenders[number], query.vector, query.k), Exactness.EXACT, counts[number])
        for number, query in enumerate(group)
    ]


def _approximate(
    candidates: Sequence[Candidates], group: Sequence[VectorQuery], *, count: int
) -> list[Answer]:
    vectors = np.stack([query.vector for query in group])
    places = max(query.k for query in group)
    owner_id = group[0].owner_id
    contenders: list[list[Contenders]] = [[] for _ in group]
    exactness = Exactness.EXACT
    for each in candidates:
        proposed = propose(each, vectors, owner_id=owner_id, k=places)
        if proposed is not None:
            exactness = Exactness.APPROXIMATE
        else:
            scores = score_all(each, vectors)
            proposed = [contend(each, scores[number], query.k) for number, query in enumerate(group)]
        for number, found in enumerate(proposed):
            contenders[number].append(found)
    return [
        Answer(best(contenders[number], query.vector, query.k), exactness, count)
        for number, query in enumerate(group)
    ]
