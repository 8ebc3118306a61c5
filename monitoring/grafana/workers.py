"""The dashboard about those who do the work: each worker by itself, its models and what they find."""

from monitoring.grafana.panels import Dashboard, Panel, Query, Row, each, mean, of_house, or_nothing, quantile

_WORKERS = 'job="veilgate", process=~"images|lookups"'

_HANDS = Row(
    "Each worker",
    (
        Panel(
            "Workers",
            "Processes at work, as they say in Redis.",
            "none",
            (Query("max by (family) (veilgate_workers_present)", "{{family}}"),),
        ),
        Panel(
            "Jobs in hand",
            "Jobs that each worker holds now.",
            "none",
            (Query("sum by (instance, family) (veilgate_jobs_in_hand)", "{{family}} {{instance}}"),),
        ),
        Panel(
            "Jobs that each worker ended",
            "Uneven workers hint at a slow machine or at pictures that are harder.",
            "cpm",
            (Query(f"60 * {each('veilgate_job_seconds_count', 'instance')}", "{{instance}}"),),
        ),
        Panel(
            "CPU",
            "Cores that each process keeps busy, with its children's.",
            "none",
            (
                Query(
                    f"rate(process_cpu_seconds_total{{{_WORKERS}}}[$__rate_interval])",
                    "{{process}} {{instance}}",
                ),
                Query(
                    "rate(veilgate_children_cpu_seconds_total[$__rate_interval])",
                    "{{process}} {{instance}}: children",
                ),
            ),
        ),
        Panel(
            "Memory",
            "Resident memory of each worker. One that only grows has a leak, and ends at its limit.",
            "bytes",
            (Query(f"process_resident_memory_bytes{{{_WORKERS}}}", "{{process}} {{instance}}"),),
        ),
        Panel(
            "Memory of accelerators",
            "Taken on each device; 0 on machines without one.",
            "bytes",
            (
                Query(
                    or_nothing("sum by (instance, device) (veilgate_device_memory_bytes)"),
                    "{{device}} {{instance}}",
                ),
            ),
        ),
        Panel(
            "File descriptors",
            "Share of its limit that each process of the house has open. At 80 % an alert is raised.",
            "percentunit",
            (
                Query(
                    'process_open_fds{job="veilgate"} / process_max_fds{job="veilgate"}',
                    "{{process}} {{instance}}",
                ),
            ),
            limits=(0.5, 0.8),
        ),
    ),
)

_STEPS = Row(
    "Steps and models",
    (
        Panel(
            "Each step, half of the pictures",
            "The median of each step.",
            "s",
            (Query(quantile(0.5, "veilgate_stage_seconds", "stage"), "{{stage}}"),),
        ),
        Panel(
            "Each step, 99th percentile",
            "The slowest hundredth.",
            "s",
            (Query(quantile(0.99, "veilgate_stage_seconds", "stage"), "{{stage}}"),),
        ),
        Panel(
            "Chunks, 95th percentile",
            "Pictures in the large runs of each model.",
            "none",
            (Query(quantile(0.95, "veilgate_chunk_pictures", "stage"), "{{stage}}"),),
        ),
        Panel(
            "What is found",
            "Faces, vehicles and what else the models know.",
            "cps",
            (Query(or_nothing(each("veilgate_detections_total", "label")), "{{label}}"),),
        ),
        Panel(
            "How sure models are",
            "Median and lowest twentieth of scores. When both fall, other pictures come than before.",
            "percentunit",
            tuple(
                Query(
                    or_nothing(quantile(share, "veilgate_detection_confidence", "kind")),
                    f"{{{{kind}}}} {name}",
                )
                for share, name in ((0.5, "p50"), (0.05, "p5"))
            ),
        ),
        Panel(
            "Faces veiled",
            "By the whole house.",
            "cpm",
            (Query(f"60 * {of_house('veilgate_faces_veiled_total')}", "faces"),),
        ),
        Panel(
            "Embeddings",
            "Pictures embedded, the house's own and those asked with.",
            "cps",
            (Query(each("embedding_requests_total", "purpose", "outcome"), "{{purpose}} {{outcome}}"),),
        ),
        Panel(
            "Time of an embedding",
            "Mean of one picture.",
            "s",
            (Query(mean("embedding_duration_seconds", "purpose"), "{{purpose}}"),),
        ),
    ),
)

_TROUBLE = Row(
    "What goes wrong",
    (
        Panel(
            "Tries that failed",
            "By kind, the error's code, and whether another try follows.",
            "cpm",
            (
                Query(
                    or_nothing(f"60 * {each('veilgate_job_failures_total', 'kind', 'code', 'retried')}"),
                    "{{kind}} {{code}} (again: {{retried}})",
                ),
            ),
        ),
        Panel(
            "Results discarded",
            "Work that somebody else had been given meanwhile: leases are too short, or a worker hung.",
            "cpm",
            (Query(or_nothing(f"60 * {each('veilgate_results_discarded_total', 'kind')}"), "{{kind}}"),),
        ),
        Panel(
            "Put right by the reconciler",
            "What crashes and outages had left behind, and its rounds.",
            "cpm",
            (
                Query(or_nothing(f"60 * {each('veilgate_jobs_put_right_total', 'what')}"), "{{what}}"),
                Query(f"60 * {each('veilgate_reconciler_rounds_total')}", "rounds"),
            ),
        ),
    ),
)

_REST = Row(
    "Around them",
    (
        Panel(
            "Bytes accepted",
            "Of pictures that were new.",
            "Bps",
            (Query("sum(rate(veilgate_upload_bytes_total[$__rate_interval]))", "uploads"),),
            width=6,
        ),
        Panel(
            "Time to deliver, 95th percentile",
            "Of one try to deliver a message to a webhook; at ten seconds it is given up.",
            "s",
            (Query(quantile(0.95, "veilgate_webhook_seconds"), "a try"),),
            width=6,
        ),
        Panel(
            "Changes that the index does not know",
            "Of each search server. It follows every 0.2 s.",
            "none",
            (Query("veilgate_index_lag_entries", "{{instance}}"),),
            width=6,
        ),
        Panel(
            "Versions",
            "How many processes run which version: two of them while one is rolled out.",
            "none",
            (Query("count by (version) (veilgate_build_info)", "{{version}}"),),
            width=6,
        ),
    ),
)

WORKERS = Dashboard(
    "veilgate-workers",
    "Veilgate: workers",
    "Each worker by itself, its models and what they find.",
    (_HANDS, _STEPS, _TROUBLE, _REST),
)
