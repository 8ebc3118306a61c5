"""Reading Server-Sent Events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.integration.api.gateway import Gateway


@contextmanager
def event_stream(
    gateway: Gateway, job_id: str, last_event_id: str | None = None
) -> Iterator[tuple[httpx.Response, Iterator[dict[str, Any]]]]:
    """The answer and its events, each as its data with the id it came with as `id`."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    with gateway.http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as response:
        yield response, _events(response)


def read_events(gateway: Gateway, job_id: str, last_event_id: str | None = None) -> list[dict[str, Any]]:
    with event_stream(gateway, job_id, last_event_id) as (response, events):
        assert response.status_code in {200, 204}, response.status_code
        return list(events)


def _events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    event_id = None
    for line in response.iter_lines():
        if line.startswith("id: "):
            event_id = int(line.removeprefix("id: "))
        elif line.startswith("data: "):
            yield {**json.loads(line.removeprefix("data: ")), "id": event_id}
