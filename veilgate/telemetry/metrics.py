"""Every number that this house shows Prometheus and that is counted where it happens, declared once.

What is looked up when somebody asks (how many wait, how large the index is) is in readings.py. Labels come
from enumerations, routes, models and the catalogue of providers: never an id, a name or an address. Each
process has its own page (metrics_port.py); sums over processes are Prometheus' business.
"""

from collections.abc import Iterable, Sequence
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

# A second series for each one, which nobody looks at.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

# A request is meant to take milliseconds; long polls and streams take up to a minute and more.
_REQUEST_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
# From the veil of a small picture (1 ms) to a decode that is about to be ended (20 s).
_STEP_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
# The promise is a minute end to end; the rest tells a late picture from a lost hour. A percentile may lie
# anywhere between two bounds: with none between 120 and 600, pictures that took 125 s were shown as 576.
_WHOLE_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 90, 120, 180, 240, 300, 450, 600, 1800)
# Vendors answer in 0.2 to 5 s and are given up at 10 s or so.
_CALL_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20)
_SCORES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_CHUNKS = (1, 2, 3, 4, 6, 8, 16, 32, 64)


def _counted(name: str, says: str, *labels: str) -> Counter:
    return Counter(name, says, labels, registry=REGISTRY)


def _level(name: str, says: str, *labels: str) -> Gauge:
    return Gauge(name, says, labels, registry=REGISTRY)


def _measured(name: str, says: str, *labels: str, buckets: Sequence[float]) -> Histogram:
    return Histogram(name, says, labels, buckets=buckets, registry=REGISTRY)


def from_zero(metric: Counter | Gauge | Histogram, *values: Iterable[str]) -> None:
    """Show a number for every combination of these label values from now on: of a series that is born with
    its first event `rate()` never learns of that event."""
    for labels in product(*values):
        metric.labels(*labels)


# The gateway.
HTTP_REQUESTS = _counted(
    "veilgate_http_requests", "Answers, by route and first digit of the status.", "method", "route", "status"
)
HTTP_REQUEST_SECONDS = _measured(
    "veilgate_http_request_seconds",
    "Time to the first byte of an answer, by route.",
    "route",
    buckets=_REQUEST_S,
)
UPLOADS = _counted(
    "veilgate_uploads", "Pictures sent: accepted, known (answered with what is there), or refused.", "outcome"
)
UPLOAD_BYTES = _counted("veilgate_upload_bytes", "Bytes of pictures accepted.")
STREAMS_OPEN = _level("veilgate_streams_open", "Callers that are being told of events now.", "kind")

# Workers, images and lookups.
STAGE_SECONDS = _measured(
    "veilgate_stage_seconds",
    "Time of one picture in one step: queue, fetch, decode, infer, veil, encode, store, embed, record. Of a "
    "run of a model with several pictures each has its share; each model that looks at one counts.",
    "stage",
    buckets=(*_STEP_S, 40, 60, 90, 120, 180, 300, 600),
)
JOB_SECONDS = _measured(
    "veilgate_job_seconds",
    "From acceptance (or the wish for another try) to the end of a job.",
    "kind",
    "status",
    buckets=_WHOLE_S,
)
JOB_FAILURES = _counted(
    "veilgate_job_failures",
    "Tries of jobs that failed, by the error's code and whether another follows.",
    "kind",
    "code",
    "retried",
)
RESULTS_DISCARDED = _counted(
    "veilgate_results_discarded",
    "Results of work that somebody else had been given meanwhile, or that the database never took.",
    "kind",
)
JOBS_IN_HAND = _level("veilgate_jobs_in_hand", "Jobs that this worker holds.", "family")
CHUNK_PICTURES = _measured(
    "veilgate_chunk_pictures", "Pictures in one run of a model.", "stage", buckets=_CHUNKS
)
CHUNKS_RELEASED = _counted(
    "veilgate_chunks_released",
    "Runs of models by why they did not wait for more: full, pixels, linger, alone (no more could come).",
    "stage",
    "reason",
)
DEVICE_BUSY_SECONDS = _counted(
    "veilgate_device_busy_seconds",
    "Time that runs of models had their device, without their wait for it.",
    "device",
)
DETECTIONS = _counted("veilgate_detections", "What was found in pictures, by class of the model.", "label")
DETECTION_CONFIDENCE = _measured(
    "veilgate_detection_confidence", "Scores of what was found.", "kind", buckets=_SCORES
)
EMBEDDING_REQUESTS = _counted(
    "embedding_requests",
    "Embeddings wanted, of the house's own images, of query pictures and of query texts: made, known (of the "
    "same pixels), or failed.",
    "purpose",
    "outcome",
)
EMBEDDING_SECONDS = _measured(
    "embedding_duration_seconds",
    "Time to embed one picture or text; of several together each has its share.",
    "purpose",
    buckets=_STEP_S,
)

# The search server.
SEARCHES = _counted(
    "veilgate_searches", "Questions by how they ended: answered, refused, away, broken.", "kind", "outcome"
)
SEARCH_SECONDS = _measured("veilgate_search_seconds", "Time to answer a question.", "kind", buckets=_STEP_S)

# Lookups.
PROVIDER_CALLS = _counted(
    "veilgate_provider_calls",
    "Calls to providers by how they ended: answered, the code of the error, or cut_off.",
    "provider",
    "outcome",
)
PROVIDER_CALL_SECONDS = _measured(
    "veilgate_provider_call_seconds", "Time of one call to a provider.", "provider", buckets=_CALL_S
)
PROVIDER_COST_USD = _counted(
    "veilgate_provider_cost_usd", "What calls to providers are billed with, as configured.", "provider"
)
PROVIDER_ANSWERS_KNOWN = _counted(
    "veilgate_provider_answers_known",
    "Questions to providers that needed no call: cached, or shared with one under way.",
    "provider",
    "source",
)

# Webhooks and the reconciler.
WEBHOOK_MESSAGES = _counted(
    "veilgate_webhook_messages",
    "Tries to deliver a message: taken, refused or unreachable; and messages given up.",
    "outcome",
)
WEBHOOK_SECONDS = _measured("veilgate_webhook_seconds", "Time of one try to deliver.", buckets=_CALL_S)
RECONCILER_ROUNDS = _counted("veilgate_reconciler_rounds", "Rounds of the one that leads.")
JOBS_PUT_RIGHT = _counted(
    "veilgate_jobs_put_right",
    "Jobs that a crash or an outage had left behind, by what was done: lease_expired, lists_lost, dispatched "
    "(in place of whoever should have, or after a pause), stranded, taken_back, forgotten.",
    "what",
)
