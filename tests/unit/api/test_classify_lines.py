"""From events to the lines of /classify."""

import json
from typing import Any

from veilgate.api.classify_lines import ClassifyLines, line
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.records import EventRecord

COST = {"calls": 2, "cached": 1, "usd": 0.0035}
NO_CALLS = {"calls": 0, "cached": 1, "usd": 0.0}


def event(stage: str, outcome: str, **payload: Any) -> EventRecord:
    return EventRecord(1, 1, stage, outcome, json.dumps(payload), 1, None, 0)


def told(lines: ClassifyLines, *events: EventRecord) -> list[tuple[str, Any]]:
    found = [json.loads(one) for given in events for one in lines.of(given)]
    assert all(set(one) == {"data_type", "data_description", "data"} for one in found)
    return [(one["data_type"], one["data"]) for one in found]


def test_a_line_is_one_line() -> None:
    written = line("faces", {"text": "two\nlines\u2028and more"}, "One.")
    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    assert json.loads(written)["data"] == {"text": "two\nlines\u2028and more"}


def test_each_outcome_has_its_line_and_what_nobody_asked_about_none() -> None:
    assert told(
        ClassifyLines("a"),
        event("job", "submitted"),
        event("decode_picture", "produced", width=9),
        event("find_faces", "produced", count=1),
        event("verify_veil", "skipped", reason="not_asked"),
        event("find_vehicles", "skipped", reason="model_missing"),
        event("embed_picture", "failed", error={"code": "stage_failed", "message": "No."}),
        event("store_copies", "produced", processed="s3://somewhere"),
        event("identify_product", "skipped", reason="no_provider", settings=["A_KEY"]),
    ) == [
        ("faces", {"count": 1}),
        ("skipped", {"stage": "find_vehicles", "reason": "model_missing"}),
        ("failed", {"stage": "embed_picture", "code": "stage_failed", "message": "No."}),
        ("skipped", {"stage": "identify_product", "reason": "no_provider", "settings": ["A_KEY"]}),
    ]


def test_another_attempt_says_only_what_is_different() -> None:
    lines = ClassifyLines("a")
    first = (
        event("google_lens", "produced", caption="a", cost=COST),
        event("google_vision", "failed", error={"code": "provider_down", "message": "No."}, cost=COST),
        event("identify_product", "produced", name="x"),
    )
    assert len(told(lines, *first)) == 3
    again = (
        event("google_lens", "produced", caption="a", cost=NO_CALLS),
        event("google_vision", "produced", caption="b", cost=COST),
        event("identify_product", "produced", name="y"),
    )
    assert told(lines, *again) == [
        ("findings", {"caption": "b", "cost": COST}),
        ("model-producer", {"name": "y"}),
    ]


def test_a_job_that_is_tried_again_has_not_failed_yet() -> None:
    lines, error = ClassifyLines("a"), {"code": "stage_failed", "message": "No."}
    assert told(lines, event("job", "submitted", error=error, retry_in=1.0)) == []
    assert lines.status == JobStatus.SUBMITTED.value
    assert told(lines, event("job", "failed", error=error)) == [
        ("failed", {"stage": "job", "kind": "veil", "job_id": "a", **error})
    ]
    assert lines.status == JobStatus.FAILED.value


def test_a_lookup_that_failed_says_so_and_leaves_the_veil_as_it_was() -> None:
    lines, error = ClassifyLines("a"), {"code": "nothing_answered", "message": "No."}
    told(lines, event("job", "completed"))
    lines.go_on_with_lookup("b")
    assert lines.status == JobStatus.SUBMITTED.value
    assert told(lines, event("job", "failed", error=error)) == [
        ("failed", {"stage": "job", "kind": "lookup", "job_id": "b", **error})
    ]
    done = json.loads(lines.done())["data"]
    assert (done["status"], done["veil_status"], done["lookup_status"]) == ("failed", "completed", "failed")


def test_the_last_line_counts_lines_and_what_was_paid() -> None:
    lines = ClassifyLines("a")
    told(lines, event("job", "completed"))
    lines.go_on_with_lookup("b")
    told(
        lines,
        event("google_lens", "produced", cost=COST),
        event("google_vision", "failed", error={"code": "provider_down", "message": "No."}, cost=COST),
        event("ebay_image", "produced", cost=NO_CALLS),
        event("job", "completed"),
    )
    last = json.loads(lines.done())
    assert (last["data_type"], last["data"]) == (
        "done",
        {
            "status": "completed",
            "veil_status": "completed",
            "lookup_status": "completed",
            "job_id": "a",
            "lookup_job_id": "b",
            "counts": {"findings": 2, "failed": 1},
            "cost": {"calls": 4, "cached": 3, "usd": 0.007},
        },
    )
