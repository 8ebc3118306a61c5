"""What holds of every refusal: a problem in its own form, at once, and a gateway none the worse for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import RawAnswer
from tests.integration.api.samples import fresh

ANSWER_WITHIN_S = 1.0
MOST_GROWTH_BYTES = 64_000_000


@contextmanager
def at_once() -> Iterator[None]:
    began_s = time.monotonic()
    yield
    assert time.monotonic() - began_s < ANSWER_WITHIN_S


@contextmanager
def unharmed_by(what: str, gateway: Gateway) -> Iterator[None]:
    """Afterwards the same process is as small as before and takes the next picture."""
    process_id, before_bytes = gateway.process.pid, gateway.resident_bytes()
    yield
    assert gateway.process.poll() is None, f"{what} ended the gateway"
    assert gateway.process.pid == process_id
    grown_bytes = gateway.resident_bytes() - before_bytes
    assert grown_bytes < MOST_GROWTH_BYTES, f"{what}: {grown_bytes} bytes more"
    assert gateway.upload(fresh()).status_code == 202


def raw(answer: httpx.Response) -> RawAnswer:
    return RawAnswer(answer.status_code, dict(answer.headers), answer.content)


def assert_problem(answer: RawAnswer, status: int, code: str) -> None:
    document = answer.json()
    assert (answer.status, document["code"]) == (status, code), document
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(document) == {"type", "title", "status", "code", "detail"}
    assert document["type"] == f"urn:veilgate:problem:{code}"
