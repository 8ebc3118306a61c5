"""The scenarios of load-tests/ by httpx.

`python bench/load.py --scenario steady --rate 5 --duration 20s --url http://127.0.0.1:8000`; without --url a
house of its own is started, and forgotten at the end.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.load_calls import Calls, Pictures
from bench.load_journeys import JourneyFailed
from bench.load_report import document, text
from bench.load_run import CannotBegin, measure_capacity, run_scenario
from bench.load_scenarios import LOAD_TESTS, Plan, read_plan, read_scenario

# As k6 ends when a threshold was missed.
_THRESHOLD_MISSED = 99
_UNITS_S = {"s": 1, "m": 60, "h": 3600}


def main(words: Sequence[str]) -> int:
    plan = read_plan()
    asked = _read(words, plan)
    paths = asked.pictures or sorted((LOAD_TESTS / "pictures").glob("*.jpg"))
    with _gateway(asked.url) as url:
        try:
            told = asyncio.run(_run(asked, plan, Calls(url, Pictures(paths), api_key=asked.api_key)))
        except (httpx.HTTPError, CannotBegin, JourneyFailed) as error:
            print(f"{url}: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
    print(text(told))
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if told["is_passed"] else _THRESHOLD_MISSED


async def _run(asked: argparse.Namespace, plan: Plan, calls: Calls) -> dict[str, Any]:
    async with calls:
        (await calls.ready()).raise_for_status()
        capacity_per_s = None
        if asked.of_capacity:
            capacity_per_s = await measure_capacity(calls, plan, seconds=asked.capacity_seconds)
            asked.rate = capacity_per_s * asked.of_capacity
        scenario = read_scenario(asked.scenario, rate_per_s=asked.rate, duration_s=asked.duration)
        run = await run_scenario(scenario, calls, plan)
    return document(scenario, run, plan, capacity_per_s=capacity_per_s)


@contextmanager
def _gateway(url: str) -> Iterator[str]:
    if url:
        yield url
        return
    # Here, because it brings the models' runtime along.
    from bench.detectors import DetectorPlan
    from bench.house import House

    with House(DetectorPlan(face_size_px=1280, face_threshold=0.2)) as house:
        yield f"http://127.0.0.1:{house.port}"


def _read(words: Sequence[str], plan: Plan) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/load.py", description=__doc__)
    parser.add_argument("--scenario", choices=plan.scenarios, default="smoke")
    rates = parser.add_mutually_exclusive_group()
    rates.add_argument("--rate", type=_positive, help="pictures a second, at the scenario's peak")
    rates.add_argument(
        "--of-capacity", type=_positive, help="find out what the house can do, and take this part of it"
    )
    parser.add_argument("--capacity-seconds", type=_positive, default=5.0, help="how long to find out (5)")
    parser.add_argument("--duration", type=_seconds, help="90s, 5m, 2h")
    parser.add_argument("--url", default="", help="a gateway that runs")
    parser.add_argument("--api-key", default="", help="where the gateway asks for one")
    parser.add_argument("--pictures", type=Path, nargs="+", help="JPEG files of your own")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    return parser.parse_args(words)


def _positive(given: str) -> float:
    if (number := float(given)) > 0:
        return number
    raise ValueError(given)


def _seconds(given: str) -> float:
    unit = _UNITS_S.get(given[-1:])
    return _positive(given[:-1]) * unit if unit else _positive(given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
