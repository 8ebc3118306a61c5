"""The row that says where the time goes, and what is short of what it needs."""

from monitoring.grafana.panels import Panel, Query, Row, each, mean, quantile

STAGES = Row(
    "Where the time goes",
    (
        Panel(
            "Stages, mean",
            "Time of one picture in each step. The highest band is where to look first.",
            "s",
            (Query(mean("veilgate_stage_seconds", "stage"), "{{stage}}"),),
            stacked=True,
        ),
        Panel(
            "Stages, 95th percentile",
            "The slow twentieth of pictures in each step.",
            "s",
            (Query(quantile(0.95, "veilgate_stage_seconds", "stage"), "{{stage}}"),),
        ),
        Panel(
            "Chunks",
            "Pictures in one run of a model. Larger chunks are cheaper for each picture, if enough is there.",
            "none",
            (Query(mean("veilgate_chunk_pictures", "stage"), "{{stage}}"),),
        ),
        Panel(
            "Why chunks went",
            "Full in number or pixels, after the linger, or alone, as no more could come.",
            "cps",
            (Query(each("veilgate_chunks_released_total", "reason"), "{{reason}}"),),
            stacked=True,
        ),
        Panel(
            "Devices",
            "Share of the time that a device thread spends in runs of models; several threads add up.",
            "percentunit",
            (
                Query(
                    each("veilgate_device_busy_seconds_total", "device", "instance"),
                    "{{device}} {{instance}}",
                ),
            ),
        ),
        Panel(
            "Cores",
            "Share of the cores of its machine or container that is busy, whoever keeps them so.",
            "percentunit",
            (
                Query(
                    "max by (process) (rate(veilgate_cores_busy_seconds_total[$__rate_interval])"
                    " / veilgate_cores)",
                    "{{process}}",
                ),
            ),
            limits=(0.8, 0.95),
        ),
        Panel(
            "Memory of processes",
            "Resident memory, with that of the children that decode.",
            "bytes",
            (
                Query('sum by (process) (process_resident_memory_bytes{job="veilgate"})', "{{process}}"),
                Query("sum by (process) (veilgate_children_memory_bytes)", "{{process}}: children"),
            ),
            stacked=True,
        ),
        Panel(
            "Memory of machines",
            "Share of the limit that is in use. At 90 % an alert is raised.",
            "percentunit",
            (
                Query(
                    "max by (process) (veilgate_memory_used_bytes / veilgate_memory_limit_bytes)",
                    "{{process}}",
                ),
            ),
            limits=(0.8, 0.9),
        ),
        Panel(
            "Disk",
            "Share of the disk with DATA_DIR that is free. Below 10 % an alert is raised.",
            "percentunit",
            (Query("min by (process) (veilgate_disk_free_bytes / veilgate_disk_bytes)", "{{process}}"),),
            limits=(0.2, 0.1),
        ),
    ),
)
