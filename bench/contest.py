"""Servers that take turns under the same load, and how each compares with the bare one."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.busy_connections import Load, RequestSource, Served
from bench.tables import markdown_table, rate

FLAT_WITHIN = 0.2
LEAST_SHARE = 0.5
_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Contestant:
    """One server and what it is asked. `grown_from` names the one that differs only in having no rows."""

    name: str
    port: int
    source: RequestSource
    grown_from: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Medians over the rounds; `share` is of the bare server's speed, each round against its own."""

    name: str
    per_s: float
    median_ms: float
    p99_ms: float
    share: float
    rounds_per_s: list[float]
    grown_from: str | None


def compete(
    contestants: Sequence[Contestant], *, rounds: int, turn_s: float, expected_status: int
) -> list[Standing]:
    """The first contestant is the bare server."""
    load = Load(_CONNECTIONS)
    served: dict[str, list[Served]] = {each.name: [] for each in contestants}
    try:
        for number in range(rounds):
            print(f"  round {number + 1} of {rounds}", flush=True)
            for each in contestants:
                turn = load.turn(each.port, each.source, seconds=turn_s, expected=expected_status)
                served[each.name].append(turn)
    finally:
        load.close()
    bare = [turn.per_s for turn in served[contestants[0].name]]
    return [_standing(each, served[each.name], bare) for each in contestants]


def table(standings: Sequence[Standing], what: str) -> str:
    heads = ("server", f"{what}/s", "× bare", "median ms", "99 % below ms", "rounds")
    rows = [
        (
            each.name,
            rate(each.per_s),
            f"{each.share:.2f}",
            f"{each.median_ms:.1f}",
            f"{each.p99_ms:.1f}",
            ", ".join(map(rate, each.rounds_per_s)),
        )
        for each in standings
    ]
    return markdown_table(heads, rows)


def verdicts(standings: Sequence[Standing], *, judged: str) -> list[str]:
    """The goals, and whether they were met. The share is a goal for one contestant, flatness for all."""
    by_name = {each.name: each for each in standings}
    share = by_name[judged].share
    lines = [f"{judged}: {share:.2f} × bare; goal at least {LEAST_SHARE}: {_met(share >= LEAST_SHARE)}"]
    for each in standings:
        if each.grown_from:
            change = each.per_s / by_name[each.grown_from].per_s - 1
            flat = abs(change) <= FLAT_WITHIN
            goal = f"goal within {FLAT_WITHIN:.0%}: {_met(flat)}"
            lines.append(f"{each.name}: {change:+.0%} to {each.grown_from}; {goal}")
    return lines


def _standing(contestant: Contestant, turns: Sequence[Served], bare_per_s: Sequence[float]) -> Standing:
    return Standing(
        contestant.name,
        median(turn.per_s for turn in turns),
        median(turn.median_ms for turn in turns),
        median(turn.p99_ms for turn in turns),
        median(turn.per_s / bare for turn, bare in zip(turns, bare_per_s, strict=True)),
        [turn.per_s for turn in turns],
        contestant.grown_from,
    )


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
