"""What is taken for an Ultralytics detector, and the one line that says why not."""

import re

import pytest

from veilgate.inference.detectors.yolo import YoloLayout
from veilgate.inference.detectors.yolo_export import read_export
from veilgate.inference.graph_facts import GraphFacts, NotADetector, Shape

NAMES = {"names": "{0: 'face', 1: 'plate'}"}
FIXED = (1, 3, 640, 640)
RAW = (1, 6, 8400)


def facts(
    taken: Shape = FIXED, given: Shape = RAW, *, metadata: dict[str, str] | None = None, outputs: int = 1
) -> GraphFacts:
    return GraphFacts((taken,), (given,) * outputs, NAMES if metadata is None else metadata)


@pytest.mark.parametrize(
    ("taken", "given", "fixed_wh", "layout"),
    [
        (FIXED, RAW, (640, 640), YoloLayout.RAW),
        ((1, 3, 384, 640), (1, 6, 5040), (640, 384), YoloLayout.RAW),
        ((-1, 3, 640, 640), (-1, 6, 8400), (640, 640), YoloLayout.RAW),
        ((-1, 3, -1, -1), (-1, 6, -1), None, YoloLayout.RAW),
        ((-1, -1, -1, -1), (-1, 6, -1), None, YoloLayout.RAW),
        (FIXED, (1, 300, 6), (640, 640), YoloLayout.END_TO_END),
        ((-1, 3, -1, -1), (-1, -1, 6), None, YoloLayout.END_TO_END),
    ],
)
def test_an_export_is_recognised(
    taken: Shape, given: Shape, fixed_wh: tuple[int, int] | None, layout: YoloLayout
) -> None:
    export = read_export(facts(taken, given), labels=(), longest_side_px=1280)
    assert export.names == ("face", "plate")
    geometry = export.geometry
    assert (geometry.fixed_wh, geometry.layout, geometry.batch) == (fixed_wh, layout, 1)
    assert geometry.longest_side_px == 1280


def test_the_stride_of_the_metadata_holds_and_nonsense_does_not() -> None:
    strides = {"64": 64, "32": 32, "8": 32, "0": 32, "'x'": 32, "9999": 32, "[8, 16]": 32, "": 32}
    for text, stride_px in strides.items():
        export = read_export(facts(metadata=NAMES | {"stride": text}), labels=(), longest_side_px=640)
        assert export.geometry.stride_px == stride_px, text


def test_labels_are_asked_where_the_file_names_nothing() -> None:
    assert read_export(facts(metadata={}), labels=("a", "b"), longest_side_px=640).names == ("a", "b")
    assert read_export(facts(), labels=("a", "b"), longest_side_px=640).names == ("face", "plate")


@pytest.mark.parametrize(
    "text", ["['face', 'plate']", '{"0": "face", "1": "plate"}', "{1: 'plate', 0: 'face'}"]
)
def test_names_may_be_written_in_several_ways(text: str) -> None:
    export = read_export(facts(metadata={"names": text}), labels=(), longest_side_px=640)
    assert export.names == ("face", "plate")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "face",
        "{0: 'face', 2: 'plate'}",
        "{0: 'face', 1: 7}",
        "{0: 'face', 1: ''}",
        "{0: 'face', 1: 'a\\nb'}",
        "{0: 'face', 1: '" + "x" * 61 + "'}",
        "__import__('os').getpid()",
        "(" * 5000,
        "[" * 99_999,
        "'" + "x" * 200_000 + "'",
    ],
)
def test_names_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(NotADetector, match="class names in its metadata that are none"):
        read_export(facts(metadata={"names": text}), labels=(), longest_side_px=640)


@pytest.mark.parametrize("task", ["segment", "pose", "classify", "obb"])
def test_models_for_other_tasks_are_refused_by_their_name(task: str) -> None:
    with pytest.raises(NotADetector, match=f"for '{task}'; only those for 'detect'"):
        read_export(facts(metadata=NAMES | {"task": task}), labels=(), longest_side_px=640)


@pytest.mark.parametrize(
    ("graph", "complaint"),
    [
        (facts(given=(1, 1000)), "answers with (1, 1000); a detector answers with boxes"),
        (facts(given=None), "a shape that it does not tell"),
        (
            facts(given=(1, 56, 8400)),
            "answers with (1, 56, 8400); a detector with its classes answers with (1, 6,",
        ),
        (facts(given=(1, 25200, 85)), "(1, 25200, 85)"),
        (facts(given=(1, 8400, 84), metadata={}), "does not name its classes"),
        (facts(given=(1, 4, 8400), metadata={}), "no room for a class"),
        (facts(given=(-1, -1, -1)), "answers with (?, ?, ?)"),
        (facts(outputs=2), "gives 2 answers"),
        (facts(outputs=0), "gives 0 answers"),
        (facts((1, 640, 640, 3)), "takes (1, 640, 640, 3); a detector takes pictures"),
        (facts((1, 1, 640, 640)), "takes (1, 1, 640, 640)"),
        (facts((1, 3, 640)), "takes (1, 3, 640)"),
        (facts(None), "a shape that it does not tell"),
        (facts((8, 3, 640, 640)), "takes 8 pictures at a time; export it with batch=1 or dynamic=True"),
        (facts((1, 3, 100_000, 100_000)), "takes pictures of 100000×100000"),
        (facts((1, 3, 0, 0)), "takes pictures of 0×0"),
        (facts(metadata={}), "does not name its classes"),
        (GraphFacts((FIXED, FIXED), (RAW,), NAMES), "takes 2 inputs"),
    ],
)
def test_other_graphs_are_refused_with_the_reason(graph: GraphFacts, complaint: str) -> None:
    with pytest.raises(NotADetector, match=re.escape(complaint)) as caught:
        read_export(graph, labels=(), longest_side_px=640)
    assert "\n" not in str(caught.value)
