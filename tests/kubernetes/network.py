"""Who may talk to whom, worked out from NetworkPolicies as a cluster would."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from tests.kubernetes.manifests import Document, Documents, Workload, of_kind, selects, workloads

NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Peer:
    """A pod of ours, one of another namespace, or an address outside of the cluster."""

    labels: tuple[tuple[str, str], ...] = ()
    namespace: str = "veilgate"
    address: str = ""

    @classmethod
    def of(cls, found: Workload) -> "Peer":
        return cls(tuple(sorted(found.labels.items())))

    def is_meant_by(self, rule: Document) -> bool:
        if "ipBlock" in rule:
            return bool(self.address) and _is_inside(self.address, rule["ipBlock"])
        if self.address:
            return False
        if "namespaceSelector" in rule:
            if not selects(rule["namespaceSelector"], {NAMESPACE: self.namespace}):
                return False
        elif self.namespace != "veilgate":
            return False
        return selects(rule.get("podSelector", {}), dict(self.labels))


def may_enter(among: Documents, source: Peer, target: Workload, port: int) -> bool:
    """Whether what comes from `source` is let into `target`."""
    mine = _policies(among, target, "Ingress")
    rules = (rule for policy in mine for rule in policy["spec"].get("ingress", ()))
    return not mine or any(_admits(rule, "from", source, port, target.ports) for rule in rules)


def may_leave(among: Documents, source: Workload, target: Peer, port: int, names: dict[str, int]) -> bool:
    """Whether `source` is let out to `target`, whose ports have `names`."""
    mine = _policies(among, source, "Egress")
    rules = (rule for policy in mine for rule in policy["spec"].get("egress", ()))
    return not mine or any(_admits(rule, "to", target, port, names) for rule in rules)


def flows(among: Documents) -> Iterator[tuple[str, str, int]]:
    """Every connection that one of our pods may make to another."""
    for source in workloads(among):
        for target in workloads(among):
            for port in target.ports.values():
                leaves = may_leave(among, source, Peer.of(target), port, target.ports)
                if leaves and may_enter(among, Peer.of(source), target, port):
                    yield _short(source), _short(target), port


def web_ports(among: Documents, source: Workload, address: str) -> set[int]:
    """Of the ports that matter, those at this address that a pod may reach."""
    ports = (22, 25, 53, 80, 443, 3306, 6379, 8000, 9464)
    return {port for port in ports if may_leave(among, source, Peer(address=address), port, {})}


def _short(found: Workload) -> str:
    return found.labels["app.kubernetes.io/name"]


def _policies(among: Documents, found: Workload, direction: str) -> Documents:
    return [
        policy
        for policy in of_kind(among, "NetworkPolicy")
        if direction in policy["spec"]["policyTypes"] and selects(policy["spec"]["podSelector"], found.labels)
    ]


def _admits(rule: Document, side: str, peer: Peer, port: int, names: dict[str, int]) -> bool:
    ports = [names.get(given, given) for given in (one["port"] for one in rule.get("ports", ()))]
    peers: list[dict[str, Any]] = rule.get(side, [])
    return (not ports or port in ports) and (not peers or any(peer.is_meant_by(one) for one in peers))


def _is_inside(address: str, block: dict[str, Any]) -> bool:
    here = ip_address(address)
    return here in ip_network(block["cidr"]) and not any(
        here in ip_network(excepted) for excepted in block.get("except", ())
    )
