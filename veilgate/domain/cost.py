"""What pictures cost: prices, what was measured, and the arithmetic between. What is unknown stays so."""

from collections.abc import Sequence
from dataclasses import dataclass

SECONDS_AN_HOUR = 3600.0
GB = 1_000_000_000
MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class MachinePrice:
    """A kind of machine that workers run on. `images_a_second` is what somebody measured of one of them, as
    `measured` says; `is_here`: this house's workers run on such machines."""

    name: str
    usd_an_hour: float
    images_a_second: float | None = None
    measured: str = ""
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class Prices:
    """`said` tells where they come from, and of when they are. `are_examples`: nobody here has confirmed
    them."""

    said: str
    machines: tuple[MachinePrice, ...] = ()
    usd_a_gb_month: float | None = None
    usd_a_device_hour: float | None = None
    are_examples: bool = False


# Of the size that providers asked in November 2026, rounded; the measurement is that of docs/benchmarks.md.
EXAMPLE_PRICES = Prices(
    "examples of November 2026; PRICES_FILE names yours",
    (
        MachinePrice("cpu-2-cores", 0.09, 9.65, "docs/benchmarks.md, 5.6-megapixel photos", is_here=True),
        MachinePrice("gpu", 0.80),
    ),
    usd_a_gb_month=0.023,
    are_examples=True,
)


@dataclass(frozen=True, slots=True)
class Spell:
    """One job in the hands of a worker, by the database's clock."""

    worker: str
    began_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one worker process was while it had work: the mean over `workers` of them."""

    images: int
    workers: int
    busy_s: float

    @property
    def images_a_second(self) -> float:
        return self.images / self.busy_s


def pace_of(spells: Sequence[Spell]) -> Pace | None:
    """Counts the time in which a worker had any picture, once, however many it had."""
    workers = {spell.worker for spell in spells}
    busy_ms = sum(_covered_ms([one for one in spells if one.worker == worker]) for worker in workers)
    return Pace(len(spells), len(workers), busy_ms / 1000) if busy_ms else None


def _covered_ms(spells: Sequence[Spell]) -> int:
    covered, until_ms = 0, 0
    for spell in sorted(spells, key=lambda one: one.began_ms):
        covered += max(0, spell.ended_ms - max(spell.began_ms, until_ms))
        until_ms = max(until_ms, spell.ended_ms)
    return covered


@dataclass(frozen=True, slots=True)
class MachineEstimate:
    """`hours` are those of one machine that has nothing else to do; `images_a_second` is its pace with all
    its worker processes."""

    name: str
    is_here: bool
    usd_an_hour: float
    images_a_second: float | None
    measured: str
    hours: float | None
    usd: float | None


def estimate(
    machine: MachinePrice, images: int, here: Pace | None, *, workers_a_machine: int
) -> MachineEstimate:
    """What was measured here goes before what somebody else has measured: of one worker process, of which a
    machine runs so many."""
    rate, measured = machine.images_a_second, machine.measured
    if machine.is_here and here:
        rate = workers_a_machine * here.images_a_second
        measured = f"here: the last {here.images:,} pictures, {here.busy_s:,.0f} s of work"
    hours = images / rate / SECONDS_AN_HOUR if rate else None
    return MachineEstimate(
        machine.name,
        machine.is_here,
        machine.usd_an_hour,
        rate,
        measured if rate else "nobody has measured it",
        hours,
        None if hours is None else hours * machine.usd_an_hour,
    )
