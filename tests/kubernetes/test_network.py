"""Nobody talks to anybody but along these lines."""

import pytest

from tests.kubernetes.manifests import Documents, documents, of_kind, one, workload, workloads
from tests.kubernetes.network import NAMESPACE, Peer, flows, may_enter, web_ports
from veilgate.domain.addresses import WEB_PORTS

HOUSE = (
    "gateway",
    "images-worker",
    "images-worker-gpu",
    "lookups-worker",
    "deliveries",
    "reconciler",
    "search",
)
EXPECTED = {
    *((name, "redis", 6379) for name in HOUSE),
    *((name, "mysql", 3306) for name in (*HOUSE, "migrate")),
    ("gateway", "search", 8100),
}
WEB, STORE = set(WEB_PORTS), {443}
REACH = {
    "gateway": WEB,
    "lookups-worker": WEB,
    "deliveries": WEB,
    "images-worker": STORE,
    "images-worker-gpu": STORE,
    "reconciler": STORE,
    "search": STORE,
}
OUTSIDE = ("93.184.216.34", "2606:2800:220:1::1")
# Of other machines here, of this one, and of what clouds tell machines about themselves.
INSIDE = (
    "10.9.8.7",
    "172.20.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "fd00::1",
    "fe80::1",
)


@pytest.fixture
def among() -> Documents:
    return documents()


def test_pods_talk_to_those_they_need_and_to_nobody_else(among: Documents) -> None:
    assert set(flows(among)) == EXPECTED


def test_only_the_ingress_controller_reaches_a_gateway(among: Documents) -> None:
    target = workload(among, "gateway")
    assert may_enter(among, Peer(namespace="ingress-nginx"), target, 8000)
    assert not may_enter(among, Peer(namespace="ingress-nginx"), target, 9464)
    assert not may_enter(among, Peer(namespace="default"), target, 8000)
    assert not may_enter(among, Peer(address="10.1.2.3"), target, 8000)


def test_prometheus_reaches_every_process_of_ours_and_no_more(among: Documents) -> None:
    for target in workloads(among):
        reached = {
            port
            for port in {*target.ports.values(), 9464}
            if may_enter(among, Peer(namespace="monitoring"), target, port)
        }
        assert reached == ({9464} if target.is_ours and target.kind != "Job" else set()), target.name


@pytest.mark.parametrize("address", OUTSIDE)
def test_each_reaches_as_much_of_the_web_as_it_needs(among: Documents, address: str) -> None:
    for source in workloads(among):
        name = source.labels["app.kubernetes.io/name"]
        assert web_ports(among, source, address) == REACH.get(name, set()), name


@pytest.mark.parametrize("address", INSIDE)
def test_nobody_reaches_other_machines_inside(among: Documents, address: str) -> None:
    """But for a managed MySQL, on its port."""
    for source in workloads(among):
        assert web_ports(among, source, address) <= {3306}, source.name


def test_everybody_may_ask_for_names(among: Documents) -> None:
    [names] = [
        policy for policy in of_kind(among, "NetworkPolicy") if policy["metadata"]["name"] == "all-to-dns"
    ]
    [rule] = names["spec"]["egress"]
    assert names["spec"]["podSelector"] == {}
    assert rule["to"][0]["namespaceSelector"]["matchLabels"] == {NAMESPACE: "kube-system"}
    assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {("UDP", 53), ("TCP", 53)}


def test_without_those_for_all_pods_much_would_be_open(among: Documents) -> None:
    """That the rules above are worked out, and not read off."""
    for name in ("nobody", "all-to-dns"):
        among.remove(one(among, "NetworkPolicy", name))
    assert ("redis", "gateway", 9464) not in set(flows(among)), "others still guard who comes in"
    assert web_ports(among, workload(among, "redis"), "93.184.216.34"), "nobody guards who goes out"


def test_a_rule_too_many_is_seen(among: Documents) -> None:
    rule = one(among, "NetworkPolicy", "to-redis")["spec"]["podSelector"]["matchExpressions"][0]
    rule["values"].append("migrate")
    entry = one(among, "NetworkPolicy", "into-redis")["spec"]["ingress"][0]["from"][0]["podSelector"]
    entry["matchExpressions"][0]["values"].append("migrate")
    assert set(flows(among)) - EXPECTED == {("migrate", "redis", 6379)}
