"""What so many pictures would take and cost, from what this house has measured of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from veilgate.domain.cost import GB, MICROS, MachineEstimate, Pace, Prices, estimate, pace_of
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.domain.totals import (
    COPIED,
    COPY_BYTES,
    LOOKUP_COST_MICROS,
    ORIGINAL_BYTES,
    ORIGINALS,
    before_bills,
    total_of,
)
from veilgate.persistence.unit_of_work import Database
from veilgate.persistence.work_sample import WorkSample
from veilgate.services.overview.provider_overview import ProviderLine

_SAMPLE = 2000
# With fewer, a pace would be that of the first chunk.
_FEWEST = 50
_LOOKUPS_COMPLETED = total_of(JobKind.LOOKUP, JobStatus.COMPLETED)


@dataclass(frozen=True, slots=True)
class StorageEstimate:
    """Originals and copies of pictures like those that are here; None where there are none."""

    gb: float | None
    usd_a_month: float | None


@dataclass(frozen=True, slots=True)
class LookupEstimate:
    """If every picture is looked up. `each_usd` is the mean of those that were, as `measured` says, or what
    asking every provider once comes to."""

    each_usd: float | None
    measured: str
    usd: float | None


@dataclass(frozen=True, slots=True)
class CostEstimate:
    images: int
    prices: str
    pace: Pace | None
    workers_a_machine: int
    machines: tuple[MachineEstimate, ...]
    storage: StorageEstimate
    lookups: LookupEstimate


class CostEstimates:
    """`workers_a_machine`: of images, as many as this house starts on each."""

    def __init__(
        self,
        database: Database,
        prices: Prices,
        *,
        workers_a_machine: int,
        providers: Callable[[], list[ProviderLine]],
    ) -> None:
        self._database = database
        self._prices = prices
        self._workers = workers_a_machine
        self._providers = providers

    def of(self, images: int) -> CostEstimate:
        with self._database.read() as transaction:
            totals = transaction.totals.all()
            spells = WorkSample(transaction.connection).newest_spells(limit=_SAMPLE)
        pace = pace_of(spells) if len(spells) >= _FEWEST else None
        return CostEstimate(
            images,
            self._prices.said,
            pace,
            self._workers,
            tuple(
                estimate(machine, images, pace, workers_a_machine=self._workers)
                for machine in self._prices.machines
            ),
            self._storage(images, totals),
            self._lookups(images, totals),
        )

    def _storage(self, images: int, totals: Mapping[str, int]) -> StorageEstimate:
        originals, copied = totals.get(ORIGINALS, 0), totals.get(COPIED, 0)
        if not originals or not copied:
            return StorageEstimate(None, None)
        each_bytes = totals[ORIGINAL_BYTES] / originals + totals[COPY_BYTES] / copied
        gb, usd_a_gb_month = images * each_bytes / GB, self._prices.usd_a_gb_month
        return StorageEstimate(gb, None if usd_a_gb_month is None else gb * usd_a_gb_month)

    def _lookups(self, images: int, totals: Mapping[str, int]) -> LookupEstimate:
        # Days of bills are forgotten and lookups are not: both since the bills are totals too.
        made, billed = (
            totals.get(name, 0) - totals.get(before_bills(name), 0)
            for name in (_LOOKUPS_COMPLETED, LOOKUP_COST_MICROS)
        )
        if made > 0:
            each = billed / made / MICROS
            return LookupEstimate(each, f"here: {made:,} lookups", images * each)
        asked = [line for line in self._providers() if line.is_on]
        if not asked:
            return LookupEstimate(None, "no provider is on", None)
        each = sum(line.usd_per_call for line in asked)
        return LookupEstimate(each, f"{len(asked)} providers, each asked once", images * each)
