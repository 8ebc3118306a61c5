"""k6 and `bench/load.py` do the same: the same scenarios, arrivals and thresholds under the same names."""

import subprocess
from pathlib import Path

import pytest

from bench.load_pictures import draw, jpeg
from bench.load_scenarios import LOAD_TESTS, read_plan, read_scenario
from tests.load.loads import K6, SCRIPT, inspected
from veilgate.domain.pictures import PictureLimits
from veilgate.imaging.sniff import inspect_picture

NAMES = ("smoke", "steady", "spike", "soak", "mixed")
TARGETS = {"picture_success": "rate>=0.999", "end_to_end_ms": "p(99.9)<60000"}
# Nobody waits in Python for a free virtual user, so that nothing can be dropped.
K6_ALONE = {"dropped_iterations": "count==0"}


def test_the_scenarios_are_those_that_were_promised() -> None:
    assert read_plan().scenarios == NAMES
    assert (read_scenario("steady").rate_per_s, read_scenario("spike").rate_per_s) == (30, 100)
    for name in NAMES:
        assert read_scenario(name).thresholds.items() >= TARGETS.items(), name


@pytest.mark.parametrize("name", NAMES)
def test_k6_has_the_same_thresholds_and_arrivals(name: str) -> None:
    scenario, options = read_scenario(name), inspected(name)
    thresholds = {
        metric: rules[0]["threshold"] if isinstance(rules[0], dict) else rules[0]
        for metric, rules in options["thresholds"].items()
    }
    assert thresholds == {**scenario.all_thresholds(), **K6_ALONE}

    rates = {"pictures": 1.0, "questions": scenario.questions_per_picture}
    assert set(options["scenarios"]) == {kind for kind, rate in rates.items() if rate}
    for kind, shape in options["scenarios"].items():
        arrivals = len(list(scenario.arrivals(rates[kind])))
        assert arrivals == pytest.approx(_total(shape), abs=1), kind
        assert shape["preAllocatedVUs"] <= shape["maxVUs"], kind


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SCENARIO": "stedy"}, "SCENARIO is one of smoke, steady"),
        ({"RATE": "-1"}, "RATE is a number above 0"),
        ({"DURATION": "soon"}, "DURATION is like 90s"),
    ],
)
def test_what_makes_no_sense_is_said(variables: dict[str, str], said: str) -> None:
    words = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
    done = subprocess.run(
        [str(K6), "inspect", *words, str(SCRIPT)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert said in done.stderr


def test_the_pictures_are_drawn_and_fit_in_any_gateway() -> None:
    paths = sorted((LOAD_TESTS / "pictures").iterdir())
    assert len(paths) == 6
    for path in paths:
        header = inspect_picture(path.read_bytes(), PictureLimits())
        assert (header.width, header.height) == (640, 480)
        assert 50_000 < path.stat().st_size < 120_000
    assert jpeg(draw(0, (320, 240))) == jpeg(draw(0, (320, 240))) != jpeg(draw(1, (320, 240)))


def test_modules_are_short() -> None:
    for path in (*LOAD_TESTS.glob("*.js"), *LOAD_TESTS.glob("lib/*.js")):
        assert len(Path(path).read_text(encoding="utf-8").splitlines()) <= 150, path.name


def _total(shape: dict[str, object]) -> float:
    """Arrivals in all, from k6's own words for them."""
    per_s, total = float(str(shape["startRate"])) / 60, 0.0
    assert shape["timeUnit"] == "1m0s"
    stages = shape["stages"]
    assert isinstance(stages, list)
    for stage in stages:
        target_s = stage["target"] / 60
        total += _seconds(stage["duration"]) * (per_s + target_s) / 2
        per_s = target_s
    return total


def _seconds(duration: str) -> float:
    """Go's way to write them: 2h0m0s, 30s, 0s."""
    seconds, number = 0.0, ""
    for sign in duration:
        if sign in "hms":
            seconds += float(number) * {"h": 3600, "m": 60, "s": 1}[sign]
            number = ""
        else:
            number += sign
    return seconds
