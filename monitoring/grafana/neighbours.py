"""The row about what stands around the pipeline: lookups, search, webhooks."""

from monitoring.grafana.panels import Panel, Query, Row, each, quantile

NEIGHBOURS = Row(
    "Lookups, search, webhooks",
    (
        Panel(
            "Calls to providers",
            "By provider. How they ended is on the dashboard of lookups.",
            "cps",
            (Query(each("veilgate_provider_calls_total", "provider"), "{{provider}}"),),
        ),
        Panel(
            "Cost of lookups today",
            "Billed since midnight UTC, and what may be billed; a limit of 0 is none.",
            "currencyUSD",
            (
                Query("max(veilgate_lookup_spent_today_usd)", "spent"),
                Query("max(veilgate_lookup_budget_usd)", "limit"),
            ),
        ),
        Panel(
            "Searches",
            "Questions answered, by kind and how they ended.",
            "reqps",
            (Query(each("veilgate_searches_total", "kind", "outcome"), "{{kind}} {{outcome}}"),),
        ),
        Panel(
            "Time of searches, 95th percentile",
            "Inside the search server, by kind of question.",
            "s",
            (Query(quantile(0.95, "veilgate_search_seconds", "kind"), "{{kind}}"),),
        ),
        Panel(
            "Index",
            "Pictures in the index that answers, of each search server.",
            "none",
            (Query("index_size_total", "{{instance}}"),),
        ),
        Panel(
            "Lag of the index",
            "For how long an index has not known all changes. At two minutes an alert is raised.",
            "s",
            (Query("veilgate_index_lag_seconds", "{{instance}}"),),
            limits=(60, 120),
        ),
        Panel(
            "Webhooks that wait",
            "Messages that wait, be it for their first try or another.",
            "none",
            (Query("max(veilgate_webhook_backlog)", "messages"),),
            limits=(500, 1000),
        ),
        Panel(
            "Tries to deliver",
            "By what came of them. Refused: the receiver answered with an error.",
            "cps",
            (Query(each("veilgate_webhook_messages_total", "outcome"), "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Oldest webhook message that is due",
            "Above five minutes an alert is raised.",
            "s",
            (Query("max(veilgate_webhook_oldest_seconds)", "oldest"),),
            limits=(60, 300),
        ),
    ),
)
