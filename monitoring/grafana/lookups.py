"""The dashboard about what others are asked, and what that costs."""

from monitoring.grafana.panels import Dashboard, Panel, Query, Row, each, grown, of_house, quantile

_CALLS = "veilgate_provider_calls_total"
_KNOWN = "veilgate_provider_answers_known_total"
_LOOKUP = 'kind="lookup"'
_ANSWERED = 'outcome="answered"'
_COMPLETED = f'{_LOOKUP}, status="completed"'

_JOBS = Row(
    "Lookups",
    (
        Panel(
            "Lookups that ended",
            "By how they ended.",
            "cpm",
            (
                Query(
                    f"60 * {of_house('veilgate_jobs_ended_total', 'status', where=_LOOKUP)}",
                    "{{status}}",
                ),
            ),
        ),
        Panel(
            "End to end",
            "From the wish to the end, for half of them and for all but a twentieth.",
            "s",
            tuple(
                Query(quantile(share, "veilgate_job_seconds", where=_LOOKUP), name)
                for share, name in ((0.5, "p50"), (0.95, "p95"))
            ),
        ),
        Panel(
            "Waiting and in hand",
            "Lookups that wait, and those that workers hold.",
            "none",
            (
                Query('sum(max by (lane) (veilgate_queue_waiting{family="lookups"}))', "waiting"),
                Query('max(veilgate_queue_processing{family="lookups"})', "in hand"),
            ),
        ),
    ),
)

_PROVIDERS = Row(
    "Providers",
    (
        Panel(
            "Calls by how they ended",
            "Answered, or the code of the error.",
            "cpm",
            (Query(f"60 * {each(_CALLS, 'provider', 'outcome')}", "{{provider}} {{outcome}}"),),
            width=12,
        ),
        Panel(
            "Share that was answered",
            "Of the calls to each provider.",
            "percentunit",
            (
                Query(
                    f"{each(_CALLS, 'provider', where=_ANSWERED)} / {each(_CALLS, 'provider')}",
                    "{{provider}}",
                ),
            ),
            width=12,
            limits=(0.95, 0.8),
        ),
        Panel(
            "Time of a call, median",
            "Without what is waited for a turn.",
            "s",
            (Query(quantile(0.5, "veilgate_provider_call_seconds", "provider"), "{{provider}}"),),
        ),
        Panel(
            "Time of a call, 95th percentile",
            "What comes near LOOKUP_TIMEOUT_S is about to be given up.",
            "s",
            (Query(quantile(0.95, "veilgate_provider_call_seconds", "provider"), "{{provider}}"),),
        ),
        Panel(
            "Left alone",
            "1: a provider that only failed is not asked for a while.",
            "none",
            (Query("max by (provider) (veilgate_provider_circuit_open)", "{{provider}}"),),
            limits=(0.5, 1),
        ),
        Panel(
            "Asked without a call",
            "Share of questions that a kept answer served, or one under way.",
            "percentunit",
            (
                Query(
                    f"{each(_KNOWN)} / ({each(_KNOWN)} + {each(_CALLS)})",
                    "of all questions",
                ),
            ),
        ),
        Panel(
            "Where known answers came from",
            "By provider and source.",
            "cpm",
            (Query(f"60 * {each(_KNOWN, 'provider', 'source')}", "{{provider}} {{source}}"),),
        ),
    ),
)

_COST = Row(
    "Cost",
    (
        Panel(
            "Spent today",
            "Billed since midnight UTC, of what may be billed. At 80 % an alert is raised.",
            "percentunit",
            (Query("max(veilgate_lookup_spent_today_usd) / (max(veilgate_lookup_budget_usd) > 0)", "spent"),),
            kind="stat",
            limits=(0.5, 0.8),
        ),
        Panel(
            "Cost an hour",
            "By provider, as its price is configured.",
            "currencyUSD",
            (Query(f"3600 * {each('veilgate_provider_cost_usd_total', 'provider')}", "{{provider}}"),),
            stacked=True,
        ),
        Panel(
            "Cost of a lookup",
            "Billed in the last hour, for each lookup that completed in it.",
            "currencyUSD",
            (
                Query(
                    "sum(increase(veilgate_provider_cost_usd_total[1h])) / "
                    f"{grown('veilgate_jobs_ended_total', where=_COMPLETED)}",
                    "a lookup",
                ),
            ),
        ),
    ),
)

LOOKUPS = Dashboard(
    "veilgate-lookups",
    "Veilgate: lookups and cost",
    "Who is asked what pictures show, how they answer, and what it costs.",
    (_JOBS, _PROVIDERS, _COST),
)
