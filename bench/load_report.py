"""What a run came to: a table for people, and the document that k6 is told to write too."""

from collections.abc import Mapping
from typing import Any

from bench.load_measures import CUTS, as_rows
from bench.load_run import Run
from bench.load_scenarios import Plan, Scenario
from bench.tables import markdown_table

_TIMES_MS = ("end_to_end_ms", "upload_ms", "wait_ms", "fetch_ms", "queue_ms")


def document(
    scenario: Scenario, run: Run, plan: Plan, *, capacity_per_s: float | None = None
) -> dict[str, Any]:
    """The numbers under the names that k6's summary has; beside them how late the load itself was, and what
    failed how often."""
    measures = run.measures
    completed = measures.counts["pictures_completed"]
    last_s = max(measures.values["completed_after_s"], default=scenario.duration_s)
    thresholds = as_rows(measures.judge(scenario.all_thresholds()))
    stages = (f"stage_{stage}_ms" for stage in plan.house_stages)
    return {
        "tool": "httpx",
        "scenario": scenario.name,
        "rate_per_s": round(scenario.rate_per_s, 2),
        "duration_s": scenario.duration_s,
        "capacity_per_s": capacity_per_s and round(capacity_per_s, 2),
        "pictures": {
            "completed": completed,
            "failed": measures.successes["picture_success"][False],
            "refused": measures.counts["pictures_refused"],
            "dropped": 0,  # nobody waits here for a free virtual user
        },
        "images_per_s": round(completed / last_s, 2),
        "times_ms": {
            name: measures.summary(name)
            for name in (*_TIMES_MS, *stages, "question_ms", "late_ms")
            if measures.values[name]
        },
        "failures": dict(measures.failures.most_common()),
        "thresholds": thresholds,
        "is_aborted": run.is_aborted,
        "is_passed": not run.is_aborted and all(row["is_met"] for row in thresholds),
    }


def text(told: Mapping[str, Any]) -> str:
    pictures = told["pictures"]
    heads = ("ms", "count", *CUTS)
    rows = [[name, *(f"{cut:.0f}" for cut in cuts.values())] for name, cuts in told["times_ms"].items()]
    verdicts = [
        f"{'met   ' if row['is_met'] else 'MISSED'} {row['metric']} {row['is']}" for row in told["thresholds"]
    ]
    return "\n".join(
        (
            f"{told['scenario']} at {told['rate_per_s']}/s for {told['duration_s']} s, by {told['tool']}",
            f"{pictures['completed']} completed, {pictures['failed']} failed, "
            f"{pictures['refused']} refusals; {told['images_per_s']} images/s",
            *([f"capacity before: {told['capacity_per_s']} images/s"] if told["capacity_per_s"] else []),
            "",
            markdown_table(heads, rows),
            "",
            *(f"{count} × {failure}" for failure, count in told["failures"].items()),
            *verdicts,
            *(["ended early"] if told["is_aborted"] else []),
        )
    )
