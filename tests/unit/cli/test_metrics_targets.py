"""Which process of `veilgate up` shows its numbers where, and what a Prometheus beside it is told."""

import json
from pathlib import Path

import pytest

from veilgate.cli.metrics_targets import MetricsPorts, write_targets
from veilgate.cli.readiness import GatewayAddress
from veilgate.cli.up import HousePlan
from veilgate.domain.errors import ConfigurationError

FAMILIES = ["gateway", "images", "images", "deliveries", "lookups", "reconciler", "search"]


def plan(folder: Path, *, host: str = "127.0.0.1", first: int = 9464) -> HousePlan:
    return HousePlan(
        data_dir=folder,
        gateway=GatewayAddress("127.0.0.1", 8000),
        redis_url="",
        redis=None,
        num_workers=2,
        metrics=MetricsPorts(host, first),
    )


def targets_of(house: HousePlan) -> list[tuple[str, str]]:
    write_targets(house.data_dir, house.metrics, house.families())
    written = json.loads((house.data_dir / "metrics" / "targets.json").read_text())
    return [(entry["labels"]["process"], address) for entry in written for address in entry["targets"]]


def test_each_process_has_a_port_of_its_own_and_is_found_there(tmp_path: Path) -> None:
    house = plan(tmp_path)
    ports = [child.env["METRICS_PORT"] for child in house.children()]
    assert ports == [str(9464 + number) for number in range(7)]
    assert targets_of(house) == [
        (family, f"127.0.0.1:{port}") for family, port in zip(FAMILIES, ports, strict=True)
    ]


def test_a_list_of_before_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    targets_of(plan(tmp_path, first=7000))
    assert targets_of(plan(tmp_path, first=7100))[0] == ("gateway", "127.0.0.1:7100")
    assert [path.name for path in (tmp_path / "metrics").iterdir()] == ["targets.json"]


def test_without_ports_nobody_is_to_be_found(tmp_path: Path) -> None:
    house = plan(tmp_path, first=0)
    assert {child.env["METRICS_PORT"] for child in house.children()} == {"0"}
    assert targets_of(house) == []


@pytest.mark.parametrize(
    ("host", "reached"), [("0.0.0.0", "127.0.0.1:9464"), ("::", "[::1]:9464"), ("10.1.2.3", "10.1.2.3:9464")]
)
def test_wildcards_are_reached_on_this_machine(tmp_path: Path, host: str, reached: str) -> None:
    assert targets_of(plan(tmp_path, host=host))[0] == ("gateway", reached)


def test_ports_beyond_the_last_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="METRICS_PORT 65530"):
        plan(tmp_path, first=65_530).children()
