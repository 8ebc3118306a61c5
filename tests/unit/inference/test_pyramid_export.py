"""What is taken for a detector trained here, and the one line that says why not."""

import pytest

from veilgate.inference.detectors.pyramid_export import read_pyramid
from veilgate.inference.graph_facts import GraphFacts, NotADetector, Shape

SAYS = {"names": '["car", "bus"]', "longest_side_px": "352"}
GRID = (-1, 6, -1, -1)


def facts(*given: Shape, inputs: int = 1, metadata: dict[str, str] = SAYS) -> GraphFacts:
    return GraphFacts(((-1, 3, -1, -1),) * inputs, given or (GRID,) * 3, metadata)


def test_a_file_says_its_classes_and_its_size() -> None:
    geometry = read_pyramid(facts())
    assert (geometry.names, geometry.longest_side_px) == (("car", "bus"), 352)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("names", None),
        ("names", "car, bus"),
        ("names", "{0: 'car', 1: 'bus'}"),
        ("names", '{"0": "car"}'),
        ("names", "[]"),
        ("names", '["car", 7]'),
        ("names", '["car", ""]'),
        ("names", '["car", "bus\\n"]'),
        ("names", '["car", "car"]'),
        ("names", "[" * 100_000),
        ("longest_side_px", None),
        ("longest_side_px", ""),
        ("longest_side_px", "-352"),
        ("longest_side_px", "352.0"),
        ("longest_side_px", "31"),
        ("longest_side_px", "1281"),
        ("longest_side_px", "9" * 5000),
    ],
)
def test_a_file_that_does_not_say_them_is_none(name: str, text: str | None) -> None:
    others = {key: value for key, value in SAYS.items() if key != name}
    with pytest.raises(NotADetector) as caught:
        read_pyramid(facts(metadata=others if text is None else {**others, name: text}))
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ((GRID, GRID), "gives 2 answers"),
        ((GRID, GRID, (-1, 7, -1, -1)), r"answers with \(\?, 7, \?, \?\); .* \(N, 6, rows, columns\)"),
        ((GRID, GRID, (-1, 6, -1)), r"answers with \(\?, 6, \?\)"),
        ((GRID, GRID, None), "answers with a shape that it does not tell"),
    ],
)
def test_other_answers_are_none(given: tuple[Shape, ...], complaint: str) -> None:
    with pytest.raises(NotADetector, match=complaint):
        read_pyramid(facts(*given))


@pytest.mark.parametrize("taken", [None, (1, 3, 320, 320), (-1, 3, 320, -1), (-1, 1, -1, -1), (-1, 3, -1)])
def test_what_does_not_take_pictures_of_any_size_is_none(taken: Shape) -> None:
    with pytest.raises(NotADetector, match=r"takes \(N, 3, height, width\) of any size"):
        read_pyramid(GraphFacts((taken,), (GRID,) * 3, SAYS))


def test_two_inputs_are_none() -> None:
    with pytest.raises(NotADetector, match="takes 2 inputs"):
        read_pyramid(facts(inputs=2))
