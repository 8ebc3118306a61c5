"""`python bench/run.py`: everything at once, as Markdown on the terminal and in bench/.work/results.md."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import (
    accept,
    browse,
    gateway,
    likeness,
    likeness_tables,
    lookups,
    recall,
    search_index,
    status,
    streams,
    throughput,
    vehicles,
)
from bench.detectors import DetectorPlan
from bench.photos import Photo, bits_per_pixel, make_photos
from bench.tables import markdown_table
from bench.workplace import PICTURES, ROOT, WORK, machine, peers_python, peers_versions
from config import get_config

PARTS = (
    "throughput",
    "recall",
    "memory",
    "accept",
    "status",
    "browse",
    "likeness",
    "search",
    "lookups",
    "streams",
    "vehicles",
)
# These compare with what others make, which is installed for them.
_WITH_PEERS = frozenset({"throughput", "recall", "memory"})
_DRAWN = _WITH_PEERS | {"likeness"}
_LIMITS_MB = {"images worker": 1200, "gateway": 200}
_TOLD_AFTER = (100, 250, 500, 1000)
_SMALL_MEGAPIXELS = 2.2  # what the memory run uploads: many rather than large


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    photos: int = 100
    rounds: int = 2
    scenes: int = 80
    uploads: int = 1000
    turns: int = 5
    turn_s: float = 3.0
    rows: int = 200_000
    pictures: int = 1000
    images: int = 100_000
    lookups: int = 200


QUICK = Effort(
    photos=8,
    rounds=1,
    scenes=8,
    uploads=40,
    turns=1,
    turn_s=1.0,
    rows=2000,
    pictures=60,
    images=2000,
    lookups=12,
)


def main(words: Sequence[str]) -> int:
    arguments = _parse(words)
    effort = QUICK if arguments.quick else Effort()
    if arguments.photos:
        effort = replace(effort, photos=arguments.photos)
    if arguments.rounds:
        effort = replace(effort, rounds=arguments.rounds)
    if arguments.turns:
        effort = replace(effort, turns=arguments.turns)
    if arguments.rows:
        effort = replace(effort, rows=arguments.rows)
    settings = get_config().models
    plan = DetectorPlan(
        arguments.size or settings.face_detection_size, settings.face_confidence_threshold, arguments.vehicles
    )
    parts = arguments.only or PARTS
    has_peers = not _WITH_PEERS.isdisjoint(parts)
    facts = machine() | (peers_versions() if has_peers else {})
    results: dict[str, Any] = {"machine": facts, "effort": asdict(effort)}
    texts = [_machine_text(results["machine"], plan)]
    for part in parts:
        print(f"{part} …", flush=True)
        results[part], text = _MEASURES[part](effort, plan, arguments)
        texts.append(text)
    _write(results, "\n\n".join(texts))
    if not _DRAWN.isdisjoint(parts) and not arguments.quick:
        subprocess.run(
            [str(peers_python()), str(ROOT / "bench" / "plot.py"), str(WORK / "results.json"), str(PICTURES)],
            check=True,
        )
    return 0


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test of a few minutes; draws nothing")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be given again")
    parser.add_argument("--photos", type=int, help="how many photos (100)")
    parser.add_argument("--rounds", type=int, help="how often gateway and bare work take turns (2)")
    parser.add_argument("--turns", type=int, help="rounds of accept and status (5)")
    parser.add_argument("--rows", type=int, help="finished jobs for accept and status (200000)")
    parser.add_argument(
        "--size", type=int, help="longest side that the face model sees (FACE_DETECTION_SIZE)"
    )
    parser.add_argument(
        "--vehicles", help="vehicle model of gateway and bare work (VEHICLE_DETECTION_MODEL_PATH)"
    )
    parser.add_argument(
        "--scenes", type=Path, help="folder of JPEG photos, for recall and for half of likeness"
    )
    parser.add_argument(
        "--embedder", action="append", help="likeness beside the descriptor's: id or file; may be given again"
    )
    return parser.parse_args(words)


def _throughput(effort: Effort, plan: DetectorPlan, _arguments: argparse.Namespace) -> tuple[object, str]:
    photos = make_photos(effort.photos)
    result = throughput.measure(photos, plan, rounds=effort.rounds, cores=int(machine()["cores"]))
    memory = _memory_table(result.memory_rss_mb, result.memory_pss_mb)
    text = "\n\n".join(
        [
            f"## Images a second\n\n{_photos_text(photos)}",
            throughput.table(result.rows),
            "\n".join(f"- {line}" for line in throughput.verdicts(result.rows)),
            f"Memory during the gateway's rounds:\n\n{memory}",
        ]
    )
    return result.as_rows(), text


def _recall(effort: Effort, plan: DetectorPlan, arguments: argparse.Namespace) -> tuple[object, str]:
    result = recall.measure(scenes=effort.scenes, threshold=plan.face_threshold, more_scenes=arguments.scenes)
    result["height_edges_px"] = recall.HEIGHT_EDGES_PX
    head = (
        f"## Recall, synthetic\n\n{result['scenes']} composites of {result['people']} cut-out faces in"
        f" {result['backgrounds']} backgrounds; threshold {plan.face_threshold}."
    )
    return result, f"{head}\n\n{recall.tables(result)}"


def _memory(effort: Effort, plan: DetectorPlan, _arguments: argparse.Namespace) -> tuple[object, str]:
    small = [photo.path for photo in make_photos(60) if photo.megapixels < _SMALL_MEGAPIXELS]
    curve = gateway.measure_memory(small, plan, uploads=effort.uploads)
    told = [point for point in curve.points if point[0] in (*_TOLD_AFTER, effort.uploads)]
    roles = tuple(_LIMITS_MB)
    rows = [[str(count), *(f"{held[role]:.0f}" for role in roles)] for count, held in told]
    flat = markdown_table(["after uploads", *(f"{role}, RSS MB" for role in roles)], rows)
    peaks = _memory_table(curve.peak_rss_mb, curve.peak_pss_mb)
    text = f"## Memory over {effort.uploads} uploads\n\n{flat}\n\nPeaks:\n\n{peaks}"
    return asdict(curve), text


def _accept(effort: Effort, _plan: DetectorPlan, _arguments: argparse.Namespace) -> tuple[object, str]:
    standings = accept.measure(rounds=effort.turns, turn_s=effort.turn_s, rows=effort.rows)
    return accept.as_rows(standings), accept.report(standings)


def _status(effort: Effort, _plan: DetectorPlan, _arguments: argparse.Namespace) -> tuple[object, str]:
    standings = status.measure(rounds=effort.turns, turn_s=effort.turn_s, rows=effort.rows)
    return status.as_rows(standings), status.report(standings)


def _browse(effort: Effort, _plan: DetectorPlan, _arguments: argparse.Namespace) -> tuple[object, str]:
    timings = browse.measure(images=effort.images, turn_s=effort.turn_s)
    return browse.as_rows(timings), browse.report(timings, images=effort.images)


def _likeness(effort: Effort, _plan: DetectorPlan, arguments: argparse.Namespace) -> tuple[object, str]:
    result = likeness.measure(
        pictures=effort.pictures, folder=arguments.scenes, others=arguments.embedder or ()
    )
    return result, f"## Likeness\n\n{likeness_tables.tables(result)}"


def _search(_effort: Effort, _plan: DetectorPlan, arguments: argparse.Namespace) -> tuple[object, str]:
    cases, seconds = (search_index.QUICK, 1.0) if arguments.quick else (search_index.CASES, 10.0)
    rows = search_index.measure(cases, seconds=seconds)
    return rows, search_index.report(rows)


def _streams(_effort: Effort, _plan: DetectorPlan, arguments: argparse.Namespace) -> tuple[object, str]:
    rows = streams.measure(seconds=3.0 if arguments.quick else 10.0)
    return streams.as_rows(rows), streams.report(rows)


def _vehicles(_effort: Effort, _plan: DetectorPlan, arguments: argparse.Namespace) -> tuple[object, str]:
    rows = vehicles.measure(rounds=5 if arguments.quick else 40)
    return vehicles.as_rows(rows), vehicles.report(rows)


def _lookups(effort: Effort, plan: DetectorPlan, _arguments: argparse.Namespace) -> tuple[object, str]:
    result = lookups.measure(plan, pictures=effort.lookups)
    return lookups.as_rows(result), lookups.report(result)


_MEASURES = {
    "throughput": _throughput,
    "recall": _recall,
    "memory": _memory,
    "accept": _accept,
    "status": _status,
    "browse": _browse,
    "likeness": _likeness,
    "search": _search,
    "lookups": _lookups,
    "streams": _streams,
    "vehicles": _vehicles,
}


def _memory_table(rss_mb: dict[str, float], pss_mb: dict[str, float]) -> str:
    rows = [
        (role, f"{held:.0f}", f"{pss_mb[role]:.0f}", str(_LIMITS_MB.get(role, "-")))
        for role, held in rss_mb.items()
    ]
    return markdown_table(("process", "peak RSS MB (largest)", "peak PSS MB (all)", "limit MB"), rows)


def _machine_text(facts: dict[str, str], plan: DetectorPlan) -> str:
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    lines.append(
        f"- faces seen at {plan.face_size_px} px, threshold {plan.face_threshold}; "
        f"vehicles by {plan.vehicles_spec.id}"
    )
    return "\n".join(lines)


def _photos_text(photos: Sequence[Photo]) -> str:
    megapixels = [photo.megapixels for photo in photos]
    mean = sum(megapixels) / len(megapixels)
    return (
        f"{len(photos)} photos, {min(megapixels):.1f} to {max(megapixels):.1f} MP, {mean:.1f} on average,"
        f" JPEG quality 90, {bits_per_pixel(list(photos)):.1f} bits a pixel."
    )


def _write(results: dict[str, Any], text: str) -> None:
    WORK.mkdir(exist_ok=True)
    (WORK / "results.json").write_text(json.dumps(results, indent=1))
    (WORK / "results.md").write_text(text + "\n")
    print(f"\n{text}\n\nwritten to {(WORK / 'results.md').relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
