"""What we rely on inside RQ. A failure here means: read what changed, run tests/integration/queueing and
tests/e2e, look again at the page docs/reliability.md, and only then write down the new value."""

import hashlib
import inspect
from collections.abc import Callable
from importlib.metadata import version

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.executions import Execution, ExecutionRegistry, cleanup_execution
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.scripts import UNIQUE_ENQUEUE_SCRIPT, save_unique_job
from rq.serializers import JSONSerializer

from veilgate.queueing.session_worker import SessionWorker

SIGNATURES: list[tuple[Callable[..., object], list[str]]] = [
    (SimpleWorker.execute_job, ["self", "job", "queue"]),
    (SimpleWorker.dequeue_job_and_maintain_ttl, ["self", "timeout", "max_idle_time"]),
    (SimpleWorker.request_stop, ["self", "signum", "frame"]),
    (SimpleWorker.get_heartbeat_ttl, ["self", "job"]),
    (SimpleWorker.clean_registries, ["self"]),
    (SimpleWorker.handle_job_success, ["self", "job", "queue", "started_job_registry"]),
    (SimpleWorker.handle_job_failure, ["self", "job", "queue", "started_job_registry", "exc_string"]),
    (SimpleWorker.handle_execution_ended, ["self", "job", "queue", "heartbeat_ttl"]),
    (SimpleWorker.heartbeat, ["self", "timeout", "pipeline"]),
    (SimpleWorker.set_current_job_id, ["self", "job_id", "pipeline"]),
    (SimpleWorker.set_state, ["self", "state", "pipeline"]),
    (SimpleWorker.run_maintenance_tasks, ["self"]),
    (SimpleWorker.register_birth, ["self"]),
    (SimpleWorker._set_connection, ["self", "connection"]),
    (Execution.create, ["job", "ttl", "pipeline", "worker_name"]),
    (Execution.heartbeat, ["self", "started_job_registry", "ttl", "pipeline"]),
    (Execution.delete, ["self", "job", "pipeline"]),
    (Job.prepare_for_execution, ["self", "worker_name", "pipeline"]),
]

# Bodies whose inside we lean on: one transaction for the end of a job, `worker.execution` as what ends,
# `handle_execution_ended` as what sets `ended_at`, the existence of the record as what `unique` tests.
SOURCES: list[tuple[Callable[..., object], str]] = [
    (SimpleWorker.work, "04b5cdf8e554d8a2"),
    (SimpleWorker.handle_job_success, "d3a8e0ee111a7a5a"),
    (SimpleWorker.handle_job_failure, "ecfeb052c99ac675"),
    (SimpleWorker.handle_execution_ended, "23748b027980a6cd"),
    (SimpleWorker.run_maintenance_tasks, "b2589c362668ba3e"),
    (cleanup_execution, "2e97724f99a968f7"),
    (Execution.create, "11d84f7f0f523489"),
    (Execution.delete, "f70986c2803d266b"),
    (Execution.heartbeat, "ca753f4e7b380009"),
    (Job.prepare_for_execution, "4e8e0eca634da20b"),
    (save_unique_job, "af0753230560a727"),
]
UNIQUE_SCRIPT_SHA256 = "29cab659d28268b2"
OVERRIDDEN = {
    "execute_job",
    "dequeue_job_and_maintain_ttl",
    "request_stop",
    "get_heartbeat_ttl",
    "clean_registries",
    "heartbeat",
    "set_state",
    "check_for_suspension",
    "_install_signal_handlers",
    "_set_connection",
    "teardown",
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_the_pinned_release_is_installed() -> None:
    assert version("rq").startswith("2.12."), (
        "RQ 3 hands `execution` to the handlers: rq_books.py must follow"
    )


@pytest.mark.parametrize(
    ("function", "parameters"), SIGNATURES, ids=lambda value: getattr(value, "__name__", "")
)
def test_signatures(function: Callable[..., object], parameters: list[str]) -> None:
    assert list(inspect.signature(function).parameters) == parameters, (
        f"{function.__qualname__} takes other arguments: re-check session_worker.py and rq_books.py"
    )


@pytest.mark.parametrize(("function", "expected"), SOURCES, ids=lambda value: getattr(value, "__name__", ""))
def test_bodies_we_lean_on(function: Callable[..., object], expected: str) -> None:
    assert digest(inspect.getsource(function)) == expected, (
        f"{function.__qualname__} works differently now: re-check session_worker, rq_books and work_list"
    )


def test_the_script_that_enqueues_once() -> None:
    assert digest(UNIQUE_ENQUEUE_SCRIPT) == UNIQUE_SCRIPT_SHA256, (
        "WorkList.put relies on: a record that exists refuses, else record and list entry are one step"
    )


def test_we_override_what_we_say_and_nothing_by_accident() -> None:
    inherited = {name for name in vars(SessionWorker) if hasattr(SimpleWorker, name)}
    own_methods = {name for name in inherited if not name.startswith("__")}
    assert own_methods == OVERRIDDEN


def test_the_attributes_we_set_still_exist() -> None:
    source = inspect.getsource(SimpleWorker.__mro__[1])
    for attribute in ("self.execution", "self._stop_requested", "self.last_cleaned_at"):
        assert attribute in source, f"{attribute} is gone: re-check session_worker.py and rq_books.py"
    assert "_result" in inspect.getsource(Job)


def test_keys_that_the_sweeper_and_the_oracle_name() -> None:
    queue = Queue("images-bulk", connection=Redis(), serializer=JSONSerializer)
    assert queue.key == "rq:queue:images-bulk"
    assert queue.intermediate_queue_key == "rq:queue:images-bulk:intermediate"
    assert StartedJobRegistry(queue=queue).key == "rq:wip:images-bulk"
    assert Job.key_for("a") == "rq:job:a"
    assert ExecutionRegistry("a", Redis()).key == "rq:executions:a"
    assert Execution("e", "a", Redis()).composite_key == "a:e", "the sweeper reads the id before the colon"
