"""What the log of a whole run says: every line can be read by programs, and a picture can be followed."""

import json
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from tests.integration.whole_run import Run
from tests.integration.whole_run_steps import FORGED

# The whole run takes half a minute on a machine that does nothing else.
pytestmark = pytest.mark.timeout(300)
Line = dict[str, Any]
QUIET = {"debug"}


@pytest.fixture
def told(whole_run: Run) -> list[Line]:
    return [dict(line) for line in whole_run.told()]


@pytest.fixture
def trail(whole_run: Run, told: list[Line]) -> list[Line]:
    """Of the picture that was sent with a request id of its own."""
    return [line for line in told if line.get("correlation_id") == whole_run.correlation_id]


def events(lines: list[Line]) -> list[str]:
    return [line["event"] for line in lines]


def of_job(lines: list[Line], job_id: str) -> list[Line]:
    return [line for line in lines if line.get("job_id") == job_id]


def test_every_line_is_json_and_says_when_who_and_how_bad(told: list[Line]) -> None:
    assert len(told) > 100
    for line in told:
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None
        assert line["level"] in {"debug", "info", "warning", "error", "critical"}
        assert line["process"]
        assert line["event"]
    libraries = {line["logger"] for line in told if "logger" in line}
    assert {"uvicorn.error", "rq.worker"} <= libraries


def test_nobody_died_of_what_went_wrong(told: list[Line]) -> None:
    died = [line for line in told if line["event"] in {"process.died", "thread.died", "exception.unraisable"}]
    assert died == []


def test_all_six_processes_are_heard_by_name(told: list[Line]) -> None:
    by_event = {line["event"]: line["process"] for line in told}
    assert by_event["request.answered"] == "gateway"
    assert by_event["index.built"] == "search"
    workers = {by_event[event] for event in ("stage.raised", "provider.asked", "delivery.sent")}
    ready = {line["process"] for line in told if line["event"] == "worker.ready"}
    assert len(ready) == 4, "these three, and the reconciler"
    assert workers < ready


def test_a_picture_is_followed_from_request_to_webhook(whole_run: Run, trail: list[Line]) -> None:
    of_picture = events(of_job(trail, whole_run.job_id))
    steps = ["job.accepted", "job.dispatched", "job.claimed", "stage.ended", "job.completed"]
    assert [event for event in dict.fromkeys(of_picture) if event in steps] == steps
    stages = {line["stage"] for line in trail if line["event"] == "stage.ended"}
    assert {"decode_picture", "find_faces", "blur_regions", "store_copies", "google_vision"} <= stages
    assert all(line["ms"] >= 0 for line in trail if line["event"] in {"stage.ended", "job.completed"})
    of_lookup = Counter(events(of_job(trail, whole_run.lookup_id)))
    assert of_lookup["job.accepted"] == of_lookup["job.claimed"] == of_lookup["job.completed"] == 1
    assert of_lookup["provider.asked"] >= 7
    [end] = [line for line in of_job(trail, whole_run.lookup_id) if line["event"] == "job.completed"]
    assert end["image_id"] == whole_run.job_id
    assert end["calls"] == of_lookup["provider.asked"]
    assert end["usd"] > 0


def test_a_message_that_was_refused_is_told_of_until_it_is_taken(whole_run: Run, trail: list[Line]) -> None:
    sent = [line for line in trail if line["event"] == "delivery.sent"]
    assert [(line["level"], line["status"]) for line in sent[:2]] == [("warning", 503), ("info", 200)]
    assert {line["about"] for line in sent} == {"job.completed"}
    assert {line["image_id"] for line in sent} == {whole_run.job_id}
    [again] = [line for line in trail if line["event"] == "delivery.put_back"]
    assert again["delivery_id"] == sent[0]["delivery_id"]
    assert again["retry_in_ms"] > 0


def test_at_info_a_picture_is_a_handful_of_lines(whole_run: Run, trail: list[Line]) -> None:
    heard = [line for line in trail if line["level"] not in QUIET]
    its_own = [line for line in heard if line.get("job_id") in {None, whole_run.job_id}]
    without_webhook = [line for line in its_own if not line["event"].startswith("delivery.")]
    assert sorted(events(without_webhook)) == [
        "job.accepted",
        "job.claimed",
        "job.completed",
        "request.answered",
    ]
    of_lookup = [line["event"] for line in of_job(heard, whole_run.lookup_id)]
    assert sorted(of_lookup) == ["delivery.sent", "job.accepted", "job.claimed", "job.completed"]


def test_a_job_that_fails_says_each_time_why(whole_run: Run, told: list[Line]) -> None:
    about = of_job(told, whole_run.failed_id)
    told_of = [line for line in about if line["event"] in {"job.claimed", "job.put_back", "job.failed"}]
    assert events(told_of) == ["job.claimed", "job.put_back", "job.claimed", "job.failed"]
    assert [line.get("code") for line in told_of] == [None, "stage_failed", None, "stage_failed"]
    assert [line["attempt"] for line in told_of] == [1, 1, 2, 2]
    assert len({line["correlation_id"] for line in told_of}) == 1
    raised = [line for line in told if line["event"] == "stage.raised"]
    assert all("Broken: a failpoint said so" in line["exception"] for line in raised)


def test_requests_leave_a_line_and_probes_none(told: list[Line]) -> None:
    answered = [line for line in told if line["event"] == "request.answered"]
    heard = [line for line in answered if line["level"] not in QUIET]
    assert {"method", "route", "status", "ms", "correlation_id"} <= set(heard[0])
    assert {"/upload", "/status/{job_id}", "/search", "unknown"} <= {line["route"] for line in heard}
    probes = [line for line in heard if line["route"] in {"/ready", "/health"}]
    assert {line["status"] for line in probes} <= {503}
    assert [line["level"] for line in answered if line["status"] == 503] == ["error"] * len(
        [line for line in answered if line["status"] >= 500]
    )


def test_nobody_forges_a_line(whole_run: Run, told: list[Line]) -> None:
    assert FORGED not in whole_run.lines()
    assert not [line for line in told if "forged" in line]
    assert json.loads(FORGED)["forged"], "it would be a line, where it stood alone"
