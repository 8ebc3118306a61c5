"""The tree: what starts after what, and what is skipped for want of what."""

import pytest

from tests.unit.stages.stand_in_stages import Stage
from veilgate.domain.errors import StageFailed
from veilgate.domain.outcomes import NOT_ASKED, Outcome
from veilgate.stages.pipeline import Pipeline, begin, join


def test_producers_stand_before_what_hangs_off_them_and_each_once() -> None:
    picture = begin(Stage("picture"))
    faces, vehicles = picture.then(Stage("faces")), picture.then(Stage("vehicles"))
    veiled = join(faces, vehicles).then(Stage("veiled"), requires=faces)
    pipeline = Pipeline(veiled.then(Stage("stored")), veiled.then(Stage("embedded")))
    assert [node.name for node in pipeline.nodes] == [
        "picture",
        "faces",
        "vehicles",
        "veiled",
        "stored",
        "embedded",
    ]


def test_a_joint_waits_for_all_but_needs_only_what_it_requires() -> None:
    left, right = begin(Stage("left")), begin(Stage("right"))
    joined = join(left, right).then(Stage("joined"), requires=left)
    assert joined.inputs == (left, right)
    good, bad = Outcome.produced("x"), Outcome.failed(StageFailed())
    assert joined.missing({left: good, right: bad}) is None
    assert joined.missing({left: bad, right: good}) == "left"
    assert joined.missing({left: Outcome.skipped("why"), right: good}) == "left"


def test_a_joint_needs_all_unless_told_otherwise() -> None:
    left, right = begin(Stage("left")), begin(Stage("right"))
    joined = join(left, right).then(Stage("joined"))
    assert joined.missing({left: Outcome.produced("x"), right: Outcome.skipped("why")}) == "right"
    assert joined.missing({left: Outcome.produced("x"), right: Outcome.skipped(NOT_ASKED)}) is None


def test_two_stages_of_one_name_are_refused() -> None:
    """Outcomes are reported by name: two of them would be one."""
    with pytest.raises(ValueError, match="share a name"):
        Pipeline(begin(Stage("a")).then(Stage("a")))


def test_essential_is_said_where_the_stage_is_hung() -> None:
    first = begin(Stage("first"), essential=True)
    second = first.then(Stage("second"))
    third = join(first, second).then(Stage("third"), requires=second, essential=True)
    assert [node.essential for node in (first, second, third)] == [True, False, True]
