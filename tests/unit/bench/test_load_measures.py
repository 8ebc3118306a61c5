"""Thresholds, judged as k6 judges them."""

import pytest

from bench.load_measures import Measures, percentile


@pytest.fixture
def measures() -> Measures:
    measures = Measures()
    measures.counts["refused"] = 2
    measures.successes["success"].update({True: 998, False: 2})
    measures.values["ms"] = [float(number) for number in range(1000, 0, -1)]
    return measures


@pytest.mark.parametrize(
    ("metric", "threshold", "is_met"),
    [
        ("refused", "count==0", False),
        ("refused", "count<3", True),
        ("never", "count==0", True),
        ("success", "rate>=0.999", False),
        ("success", "rate>0.99", True),
        ("ms", "max<=1000", True),
        ("ms", "max<1000", False),
        ("ms", "p(95)<950", False),
        ("ms", "p(95)<951", True),
        ("ms", "p(99.9)<=999.1", True),
        ("never", "rate>=0.999", True),
        ("never", "p(95)<1", True),
    ],
)
def test_a_threshold_is_met_or_missed(measures: Measures, metric: str, threshold: str, is_met: bool) -> None:
    (verdict,) = measures.judge({metric: threshold})
    assert verdict.is_met is is_met


@pytest.mark.parametrize("threshold", ["avg<3", "count", "p(95)~2", "rate>=0.9 "])
def test_what_is_no_threshold_is_refused(measures: Measures, threshold: str) -> None:
    with pytest.raises(ValueError, match="no threshold that is known here"):
        measures.judge({"ms": threshold})


def test_percentiles_lie_between_the_nearest() -> None:
    assert percentile([1.0, 2.0, 4.0], 50) == 2
    assert percentile([1.0, 2.0, 4.0], 75) == 3
    assert percentile([7.0], 99.9) == 7
