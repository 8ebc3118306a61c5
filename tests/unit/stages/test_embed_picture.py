"""Embedding: what was made before is not made again, and whatever goes wrong costs nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.counted import Counted
from tests.unit.stages.stand_in_stages import Stage, run_all, work_of
from veilgate.domain.errors import DatabaseUnavailable
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.domain.pictures import PictureFormat, PictureHeader
from veilgate.imaging.picture import Picture
from veilgate.inference.ports import Embedder
from veilgate.services.engines.guarded_run import run_guarded
from veilgate.stages.blur_regions import VeiledPicture
from veilgate.stages.contract import BatchStage, PictureWork
from veilgate.stages.embed_picture import (
    EmbeddedPicture,
    EmbedPicture,
    KnownVectors,
    digest_of,
)
from veilgate.stages.pipeline import Pipeline, begin

REQUESTS = "embedding_requests_total"


class Levels:
    """Embeds a picture as its brightness in one direction; knows nothing of black, and fails on white."""

    model_id = "levels"
    dimensions = 2
    near_duplicate_score = 0.9

    def __init__(self) -> None:
        self.chunks: list[int] = []

    def embed(self, views: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.chunks.append(len(views))
        means = [float(view.mean()) for view in views]
        if 255 in means:
            raise RuntimeError("too bright")
        return np.array(
            [[np.cos(mean), np.sin(mean)] if mean else [np.nan] * 2 for mean in means], np.float32
        )


def nothing_known(_digests: Sequence[str], _model_id: str) -> Mapping[str, bytes]:
    return {}


def view_of(level: int, *, width: int = 8) -> NDArray[np.uint8]:
    return np.full((6, width, 3), level, np.uint8)


def veiled_work(job_id: str, level: int, *, width: int = 8) -> PictureWork:
    work = replace(work_of(job_id), header=PictureHeader(PictureFormat.JPEG, 80 * width, 480))
    view = view_of(level, width=width)
    work.products[VeiledPicture] = VeiledPicture(Picture(view, None, PictureFormat.JPEG), (), view)
    return work


def embedded_by(embedder: Embedder | None, known: KnownVectors, *works: PictureWork) -> list[Outcome]:
    return EmbedPicture(lambda: embedder, known).run(works)


def vector_of(outcome: Outcome) -> list[float]:
    made = outcome.product
    assert isinstance(made, EmbeddedPicture)
    assert made.vector is not None
    return [float(number) for number in np.frombuffer(made.vector, "<f4")]


def test_each_picture_gets_its_own_vector_and_equal_ones_are_looked_at_once() -> None:
    levels = Levels()
    works = [veiled_work(str(position), level) for position, level in enumerate((1, 2, 1, 3))]
    outcomes = embedded_by(levels, nothing_known, *works)
    assert [vector_of(one)[0] for one in outcomes] == pytest.approx(np.cos([1, 2, 1, 3]))
    assert levels.chunks == [3]
    assert (outcomes[0].model, outcomes[0].report) == ("levels", {"dimensions": 2})


def test_what_was_made_before_is_not_made_again() -> None:
    levels, asked = Levels(), []
    stored = np.array([0.6, 0.8], "<f4").tobytes()

    def known(digests: Sequence[str], model_id: str) -> Mapping[str, bytes]:
        asked.append((tuple(digests), model_id))
        return {digest_of(view_of(7)): stored}

    old, new = embedded_by(levels, known, veiled_work("a", 7), veiled_work("b", 2))
    assert asked == [((digest_of(view_of(7)), digest_of(view_of(2))), "levels")]
    assert old.product == EmbeddedPicture("levels", digest_of(view_of(7)), stored)
    assert vector_of(new)[0] == pytest.approx(np.cos(2))
    assert levels.chunks == [1]


def test_a_database_that_is_away_is_only_a_memory_that_is_gone() -> None:
    def away(_digests: Sequence[str], _model_id: str) -> Mapping[str, bytes]:
        raise DatabaseUnavailable

    (outcome,) = embedded_by(Levels(), away, veiled_work("a", 2))
    assert vector_of(outcome)[0] == pytest.approx(np.cos(2))


def test_pixels_of_another_shape_are_another_picture() -> None:
    assert digest_of(view_of(3)) != digest_of(view_of(3).reshape(8, 6, 3))
    assert digest_of(view_of(3)) == digest_of(np.asfortranarray(view_of(3)))


def test_without_its_model_the_stage_is_left_out() -> None:
    (outcome,) = embedded_by(None, nothing_known, veiled_work("a", 2))
    assert (outcome.kind, outcome.reason) == (OutcomeKind.SKIPPED, "model_missing")


def test_a_picture_that_the_model_makes_nothing_of_is_told_as_that() -> None:
    (outcome,) = embedded_by(Levels(), nothing_known, veiled_work("a", 0))
    assert isinstance(outcome.product, EmbeddedPicture)
    assert (outcome.product.vector, outcome.product.failure) == (None, outcome.report["reason"])


def pipeline_with(embedder: Callable[[], Embedder | None]) -> Pipeline[BatchStage]:
    def veil(work: PictureWork) -> Outcome:
        return Outcome.produced(work[VeiledPicture])

    veiled = begin(Stage("blur_regions", veil), essential=True)
    copies = veiled.then(Stage("store_copies"), essential=True)
    return Pipeline(copies, veiled.then(EmbedPicture(embedder, nothing_known)))


def test_a_model_that_fails_on_a_picture_fails_nothing_else() -> None:
    works = [veiled_work("good", 2), veiled_work("bad", 255), veiled_work("wide", 3, width=40)]
    heard = run_all(pipeline_with(Levels), *works)
    assert {job_id: end.error for job_id, end in heard.ends.items()} == dict.fromkeys(heard.ends)
    kinds = {job_id: end.outcomes["embed_picture"].kind for job_id, end in heard.ends.items()}
    assert kinds == {
        "good": OutcomeKind.PRODUCED,
        "bad": OutcomeKind.FAILED,
        "wide": OutcomeKind.PRODUCED,
    }
    assert heard.ends["bad"].work.get(EmbeddedPicture) is None


def test_prometheus_is_told_what_was_made_known_and_failed() -> None:
    """Black has no vector."""
    stored = np.array([0.6, 0.8], "<f4").tobytes()

    def known(_digests: Sequence[str], _model_id: str) -> Mapping[str, bytes]:
        return {digest_of(view_of(3)): stored}

    counted = Counted()
    works = [veiled_work(str(position), level) for position, level in enumerate((1, 0, 3, 3))]
    embedded_by(Levels(), known, *works)
    requests = {one: counted(REQUESTS, purpose="image", outcome=one) for one in ("made", "known", "failed")}
    assert requests == {"made": 1, "known": 2, "failed": 1}
    assert counted("embedding_duration_seconds_count", purpose="image") == 2


def test_a_picture_counts_once_however_its_chunk_is_cut_up() -> None:
    """What is known is looked up again with each half, and the bad one fails with company that is known."""
    stored = np.array([0.6, 0.8], "<f4").tobytes()
    levels = (1, 255, 3, 4, 5, 6, 2, 2)

    def known(digests: Sequence[str], _model_id: str) -> Mapping[str, bytes]:
        return {
            digest_of(view_of(level)): stored
            for level in (3, 4, 5, 6)
            if digest_of(view_of(level)) in digests
        }

    counted = Counted()
    works = [veiled_work(str(position), level) for position, level in enumerate(levels)]
    outcomes = run_guarded(EmbedPicture(Levels, known), works, did_not_fit=lambda _count: None)
    assert [one.kind for one in outcomes].count(OutcomeKind.FAILED) == 1
    requests = {one: counted(REQUESTS, purpose="image", outcome=one) for one in ("made", "known", "failed")}
    assert requests == {"made": 2, "known": 5, "failed": 1}
