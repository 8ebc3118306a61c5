"""A whole house that does a little of everything, watched by a Prometheus with the house's own files: each
panel shows something, and each series that a rule names is there."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from monitoring.grafana.__main__ import DASHBOARDS
from monitoring.grafana.panels import Dashboard
from tests.e2e.house import House
from tests.fixtures.paths import find_free_port, find_ports_in_a_row
from tests.fixtures.prometheus import MONITORING, RunningPrometheus, Sample
from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.api.hostile_pictures import UNDECODABLE
from tests.integration.monitoring.alerts import alerts, selectors_in
from tests.stubs.serving import Stubs
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(300)
FAMILIES = ("gateway", "images", "deliveries", "lookups", "reconciler", "search")
PATIENCE_S = 60.0
BY_UID = [pytest.param(one, id=one.uid) for one in DASHBOARDS]


@dataclass(frozen=True)
class WatchedHouse:
    house: House
    prometheus: RunningPrometheus

    def silent(self, exprs: dict[str, str]) -> list[str]:
        """The names of those that come to nothing, or to no number."""
        return [name for name, expr in exprs.items() if not _has_number(self.prometheus.ask(expr))]

    def must_all_answer(self, exprs: dict[str, str]) -> None:
        try:
            wait_until(
                lambda: not self.silent(exprs), timeout_s=PATIENCE_S, what="an answer to each", poll_s=1
            )
        except AssertionError as error:
            silent = {name: exprs[name] for name in self.silent(exprs)}
            raise AssertionError(f"nothing for: {silent}") from error


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, _stubs_of_session: Stubs, astronaut_jpeg: bytes
) -> Iterator[WatchedHouse]:
    folder = tmp_path_factory.mktemp("watched")
    _stubs_of_session.forget()
    sink = WebhookSink()
    settings = {
        **_stubs_of_session.settings(),
        "METRICS_PORT": str(find_ports_in_a_row(len(FAMILIES))),
        "WEBHOOK_ALLOW": f"127.0.0.0/8:{sink.port}",
        "RECONCILE_INTERVAL_S": "0.5",
    }
    with ExitStack() as stack:
        stack.callback(sink.down)
        house = House(folder / "data", **settings)
        stack.callback(house.close)
        prometheus = RunningPrometheus(
            folder,
            targets_file=folder / "data" / "metrics" / "targets.json",
            rules=(MONITORING / "alerts.yml").read_text(),
            alertmanager_port=find_free_port(),
        )
        stack.callback(prometheus.close)
        house.wait_for_banner()
        # What has grown before the first look at it has never grown, and a series of a route begins with the
        # first request for it.
        _answered(house.http.get("/images"), 200)
        now_s = time.time()
        wait_until(
            lambda: _seen_since(prometheus, now_s), timeout_s=PATIENCE_S, what="a look at each", poll_s=0.2
        )
        _do_a_little_of_everything(house, sink, astronaut_jpeg)
        yield WatchedHouse(house, prometheus)


def test_every_process_is_found_and_answers(watched: WatchedHouse) -> None:
    wait_until(lambda: _all_up(watched.prometheus), timeout_s=PATIENCE_S, what="all targets up")
    versions = watched.prometheus.ask("count by (process) (veilgate_build_info)")
    assert {sample["metric"]["process"] for sample in versions} == set(FAMILIES)


@pytest.mark.parametrize("dashboard", BY_UID)
def test_every_panel_shows_something(watched: WatchedHouse, dashboard: Dashboard) -> None:
    exprs = {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "5m")
        for panel in dashboard.document()["panels"]
        for target in panel.get("targets", ())
    }
    assert len(exprs) >= 12
    watched.must_all_answer(exprs)


def test_every_series_that_rules_ask_for_is_there(watched: WatchedHouse) -> None:
    exprs = {
        f"{alert.name}: {selector}": f"count({selector})"
        for alert in alerts()
        for selector in selectors_in(alert.expr)
    }
    assert len(exprs) >= 25
    watched.must_all_answer(exprs)


def test_rules_are_evaluated_and_a_house_that_is_well_raises_no_alert(watched: WatchedHouse) -> None:
    def last_evaluations() -> list[dict[str, Any]]:
        groups = watched.prometheus.http.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    wait_until(
        lambda: {rule["health"] for rule in last_evaluations()} == {"ok"},
        timeout_s=PATIENCE_S,
        what="an evaluation of each rule",
    )
    # What concerns the machine is whatever else it does while tests run.
    ours = [rule["name"] for rule in last_evaluations() if rule["state"] == "firing"]
    assert [name for name in ours if name not in _OF_THE_MACHINE] == []


_OF_THE_MACHINE = {alert.name for alert in alerts() if "memory" in alert.expr or "disk" in alert.expr}


def _all_up(prometheus: RunningPrometheus) -> bool:
    targets = prometheus.targets()
    found = sorted(name.split()[0] for name in targets)
    return found == sorted(FAMILIES) and set(targets.values()) == {"up"}


def _seen_since(prometheus: RunningPrometheus, since_s: float) -> bool:
    looked = prometheus.ask("min(timestamp(up))")
    return _all_up(prometheus) and float(looked[0]["value"][1]) > since_s


def _do_a_little_of_everything(house: House, sink: WebhookSink, picture: bytes) -> None:
    http = house.http
    _answered(http.get("/images"), 200)
    _answered(http.post("/webhooks", json={"url": sink.url}), 201)
    looked_up = _upload(http, picture, lookups="true")
    assert house.ended(looked_up)["status"] == "completed"
    assert _upload(http, picture, lookups="true") == looked_up, "known"
    _answered(http.post("/upload", files={"file": ("a.txt", b"no picture at all")}), 415)
    broken = _upload(http, UNDECODABLE["jpeg of half its pixels"]())
    assert house.ended(broken)["status"] == "failed"
    _answered(http.post(f"/jobs/{broken}/retry"), 200)
    assert house.ended(broken)["status"] == "failed"
    for _ in range(2):  # the second one knows the first one's answers
        lookup = _answered(http.post(f"/images/{looked_up}/lookup"), 202).json()["job_id"]
        assert house.ended(lookup)["status"] == "completed"
    for search in (
        lambda: http.post("/search", files={"file": ("a.jpg", picture)}),
        lambda: http.get(f"/images/{looked_up}/similar"),
        lambda: http.get("/search", params={"q": "astronaut"}),
    ):
        wait_until(_is_ok(search), timeout_s=PATIENCE_S, what="an answer to a search", poll_s=0.2)
    wait_until(lambda: sink.received, timeout_s=PATIENCE_S, what="a webhook")


def _upload(http: httpx.Client, picture: bytes, **options: str) -> str:
    answer = http.post("/upload", files={"file": ("a.jpg", picture)}, data=options)
    return str(_answered(answer, 202).json()["job_id"])


def _answered(answer: httpx.Response, status: int) -> httpx.Response:
    assert answer.status_code == status, answer.text
    return answer


def _is_ok(ask: Callable[[], httpx.Response]) -> Callable[[], bool]:
    return lambda: ask().status_code == httpx.codes.OK


def _has_number(samples: list[Sample]) -> bool:
    return any(not math.isnan(float(sample["value"][1])) for sample in samples)
