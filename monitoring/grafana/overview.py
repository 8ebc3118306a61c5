"""The dashboard that answers: is it well, and if not, where does it hurt?"""

from monitoring.grafana.neighbours import NEIGHBOURS
from monitoring.grafana.panels import (
    Dashboard,
    Panel,
    Query,
    Row,
    each,
    grown,
    of_house,
    or_nothing,
    quantile,
)
from monitoring.grafana.stages import STAGES

_ENDED = "veilgate_jobs_ended_total"
_WAITING = "max by (family, lane) (veilgate_queue_waiting)"
_DONE_S = 'status="completed"'


def _of_ended(status: str) -> str:
    by_status = grown(_ENDED, "kind", "status", where=f'status=~"{status}"')
    return f"sum({by_status})"


_WELL = Row(
    "Is it well?",
    (
        Panel(
            "Parts",
            "Whether every part of the house works, as GET /health says; workers are counted elsewhere.",
            "none",
            (Query('min(veilgate_part_ok{part!~".+_worker"})'),),
            kind="stat",
            width=3,
            height=4,
            limits=(1, 0.5),
            words=(("0", "broken"), ("1", "all work")),
        ),
        Panel(
            "Alerts",
            "How many alerts fire now; docs/runbook.md has a section for each.",
            "none",
            (Query(or_nothing('count(ALERTS{alertstate="firing", alertname=~"Veilgate.+"})')),),
            kind="stat",
            width=3,
            height=4,
            limits=(1, 2),
        ),
        Panel(
            "Success, last hour",
            "Share of jobs that completed, of those that completed or failed. The promise is 99.9 %.",
            "percentunit",
            (Query(f"{_of_ended('completed')} / {_of_ended('completed|failed')}"),),
            kind="stat",
            width=3,
            height=4,
            limits=(0.999, 0.99),
        ),
        Panel(
            "Jobs a minute",
            "Jobs that ended, of all kinds and however they ended, over the last five minutes.",
            "none",
            (Query(f"60 * sum({of_house(_ENDED, 'kind', 'status', window='5m')})"),),
            kind="stat",
            width=3,
            height=4,
        ),
        Panel(
            "Waiting",
            "Jobs that wait for a worker or pause before a try. At 800 an alert is raised, if any is due.",
            "none",
            (Query(f"sum({_WAITING})"),),
            kind="stat",
            width=3,
            height=4,
            limits=(400, 800),
        ),
        Panel(
            "Oldest",
            "How long the job that has been due longest waits. Callers were promised a minute.",
            "s",
            (Query("max(veilgate_queue_oldest_seconds)"),),
            kind="stat",
            width=3,
            height=4,
            limits=(30, 60),
        ),
        Panel(
            "End to end, p95",
            "From the acceptance of a picture to its end, over the last five minutes.",
            "s",
            (
                Query(
                    quantile(0.95, "veilgate_job_seconds", where=f'kind="veil", {_DONE_S}', window="5m"),
                ),
            ),
            kind="stat",
            width=3,
            height=4,
            limits=(30, 60),
        ),
        Panel(
            "Processes",
            "Processes that answer at their metrics port.",
            "none",
            (Query('sum(up{job="veilgate"})'),),
            kind="stat",
            width=3,
            height=4,
        ),
    ),
)

_FLOW = Row(
    "What arrives and what is done",
    (
        Panel(
            "Uploads",
            "Pictures sent: accepted, known (answered with what is there) or refused.",
            "cps",
            (Query(each("veilgate_uploads_total", "outcome"), "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Jobs that ended",
            "By kind and how they ended. Dead are those that failed and that nobody has tried again.",
            "cpm",
            (
                Query(f"60 * {of_house(_ENDED, 'kind', 'status')}", "{{kind}} {{status}}"),
                Query("max by (kind) (veilgate_dead_jobs)", "dead: {{kind}}"),
            ),
        ),
        Panel(
            "End to end",
            "From acceptance to the end of a job, for half of them and for all but a twentieth.",
            "s",
            tuple(
                Query(quantile(share, "veilgate_job_seconds", "kind", where=_DONE_S), f"{{{{kind}}}} {name}")
                for share, name in ((0.5, "p50"), (0.95, "p95"))
            ),
            limits=(30, 60),
        ),
        Panel(
            "Queue depth",
            "Jobs that wait by lane, and those in the hands of workers.",
            "none",
            (
                Query(_WAITING, "{{family}} {{lane}}"),
                Query("max by (family) (veilgate_queue_processing)", "{{family}} in hand"),
            ),
            limits=(400, 800),
        ),
        Panel(
            "Age of the oldest job that is due",
            "Back-off before another try is no waiting, and does not count. Beside it, how old what the "
            "database said last is: more than a few seconds where counting takes long.",
            "s",
            (
                Query("max by (family) (veilgate_queue_oldest_seconds)", "{{family}}"),
                Query("max(veilgate_house_age_seconds)", "as of so long ago"),
            ),
            limits=(30, 60),
        ),
        Panel(
            "Failures and retries",
            "Tries that failed, by the error's code, and jobs that were tried again.",
            "cpm",
            (
                Query(or_nothing(f"60 * {each('veilgate_job_failures_total', 'code')}"), "{{code}}"),
                Query(f"60 * {of_house('veilgate_job_retries_total', 'kind')}", "tried again: {{kind}}"),
            ),
        ),
        Panel(
            "Answers",
            "Answers of the gateways by the first digit of their status.",
            "reqps",
            (Query(each("veilgate_http_requests_total", "status"), "{{status}}"),),
            stacked=True,
        ),
        Panel(
            "Time to the first byte",
            "Of all answers together; streams and long polls wait on purpose.",
            "s",
            tuple(
                Query(quantile(share, "veilgate_http_request_seconds"), name)
                for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            ),
        ),
        Panel(
            "Streams",
            "Callers that are being told of events now.",
            "none",
            (Query("sum by (kind) (veilgate_streams_open)", "{{kind}}"),),
        ),
    ),
)

OVERVIEW = Dashboard(
    "veilgate",
    "Veilgate",
    "The whole house on one page.",
    (_WELL, _FLOW, STAGES, NEIGHBOURS),
)
