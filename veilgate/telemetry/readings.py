"""Numbers that are looked up when Prometheus asks: how many wait, how far behind the index is.

Several gateways give the same answers about the house; take the `max` over them, not the sum.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import REGISTRY

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a number is called and which labels it has. `is_total`: it only grows."""

    name: str
    says: str
    labels: tuple[str, ...] = ()
    is_total: bool = False

    def at(self, value: float, *labels: str) -> "Value":
        return Value(self, value, labels)


@dataclass(frozen=True, slots=True)
class Value:
    reading: Reading
    value: float
    labels: tuple[str, ...]


# The house, told by each gateway.
QUEUE_WAITING = Reading("veilgate_queue_waiting", "Jobs that wait, on a list or not yet.", ("family", "lane"))
QUEUE_PROCESSING = Reading("veilgate_queue_processing", "Jobs in the hands of workers.", ("family",))
QUEUE_OLDEST_SECONDS = Reading(
    "veilgate_queue_oldest_seconds", "How long the job that has been due longest waits.", ("family",)
)
JOBS_ENDED = Reading(
    "veilgate_jobs_ended_total", "Jobs that ended, ever, by how.", ("kind", "status"), is_total=True
)
JOB_RETRIES = Reading(
    "veilgate_job_retries_total", "Jobs that were tried again, ever.", ("kind",), is_total=True
)
DEAD_JOBS = Reading("veilgate_dead_jobs", "Failed jobs that nobody has tried again.", ("kind",))
FACES_VEILED = Reading("veilgate_faces_veiled_total", "Faces veiled, ever.", is_total=True)
WEBHOOK_BACKLOG = Reading("veilgate_webhook_backlog", "Messages to webhooks that wait.")
WEBHOOK_OLDEST_SECONDS = Reading(
    "veilgate_webhook_oldest_seconds", "How long the message to a webhook that is due longest waits."
)
LOOKUP_SPENT_USD = Reading("veilgate_lookup_spent_today_usd", "Billed by providers since midnight UTC.")
LOOKUP_BUDGET_USD = Reading("veilgate_lookup_budget_usd", "LOOKUP_DAILY_USD.")
HOUSE_AGE_SECONDS = Reading("veilgate_house_age_seconds", "How old what the database said of the house is.")
WORKERS_PRESENT = Reading("veilgate_workers_present", "Processes at work, as Redis knows.", ("family",))
PART_OK = Reading("veilgate_part_ok", "Whether a part of the house works (as /health says).", ("part",))

# The search server.
INDEX_SIZE = Reading("index_size_total", "Pictures in the index that answers.")
INDEX_LAG = Reading("veilgate_index_lag_entries", "Changes in the database that the index does not know yet.")
INDEX_LAG_SECONDS = Reading(
    "veilgate_index_lag_seconds", "For how long the index has not known all changes; 0 when it knows them."
)

# The lookups worker.
PROVIDER_CIRCUIT_OPEN = Reading(
    "veilgate_provider_circuit_open", "Whether a provider is left alone for a while.", ("provider",)
)

# The machine or container that a process runs in.
CORES = Reading("veilgate_cores", "Cores that this process may use.")
CORES_BUSY_SECONDS = Reading(
    "veilgate_cores_busy_seconds_total", "Time that those cores were busy, whoever with.", is_total=True
)
MEMORY_LIMIT_BYTES = Reading("veilgate_memory_limit_bytes", "Memory of the container, or of the machine.")
MEMORY_USED_BYTES = Reading("veilgate_memory_used_bytes", "Memory in use, without what can be given back.")
DISK_FREE_BYTES = Reading("veilgate_disk_free_bytes", "Free space where DATA_DIR is.")
DISK_BYTES = Reading("veilgate_disk_bytes", "Size of the disk where DATA_DIR is.")
CHILDREN_CPU_SECONDS = Reading(
    "veilgate_children_cpu_seconds_total", "CPU time of this process' children (decoding).", is_total=True
)
CHILDREN_MEMORY_BYTES = Reading("veilgate_children_memory_bytes", "Resident memory of its children.")
DEVICE_MEMORY_BYTES = Reading("veilgate_device_memory_bytes", "Memory taken on an accelerator.", ("device",))
BUILD = Reading("veilgate_build_info", "1, with the version that runs.", ("version", "process"))

Look = Callable[[], Iterable[Value]]


def look_when_asked(look: Look) -> Callable[[], None]:
    """Ask `look` each time somebody reads this process' numbers; returns what ends that. One that fails is
    logged and leaves its numbers out: what Prometheus does not see it can alert on."""
    looked = _Looked(look)
    REGISTRY.register(looked)
    return lambda: REGISTRY.unregister(looked)


class _Looked(Collector):
    def __init__(self, look: Look) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked at start."""
        return ()

    def collect(self) -> Iterator[Metric]:
        families: dict[Reading, CounterMetricFamily | GaugeMetricFamily] = {}
        try:
            for value in self._look():
                family = families.setdefault(value.reading, _family(value.reading))
                family.add_metric(value.labels, value.value)
        except Exception:  # noqa: BLE001 - whatever it is, the other numbers are shown
            _log.warning("metrics.not_read", exc_info=True)
        yield from families.values()


def _family(reading: Reading) -> CounterMetricFamily | GaugeMetricFamily:
    family = CounterMetricFamily if reading.is_total else GaugeMetricFamily
    return family(reading.name, reading.says, labels=reading.labels)
