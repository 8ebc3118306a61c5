"""`python -m monitoring.grafana` writes the dashboards that are committed."""

import json
from pathlib import Path

from monitoring.grafana.lookups import LOOKUPS
from monitoring.grafana.overview import OVERVIEW
from monitoring.grafana.panels import Dashboard
from monitoring.grafana.workers import WORKERS

FOLDER = Path(__file__).with_name("dashboards")
DASHBOARDS = (OVERVIEW, WORKERS, LOOKUPS)


def text_of(dashboard: Dashboard) -> str:
    return json.dumps(dashboard.document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for one in DASHBOARDS:
        (FOLDER / f"{one.uid}.json").write_text(text_of(one), encoding="utf-8")
