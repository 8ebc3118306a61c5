"""`veilgate index verify`."""

import argparse
import json
from dataclasses import asdict

from veilgate.cli.console import show
from veilgate.cli.house import House
from veilgate.services.finding.index_verification import IndexVerification


def verify(arguments: argparse.Namespace, house: House) -> int:
    """0 when all agrees, else 1."""
    findings = IndexVerification(house.database, house.search).run()
    if arguments.json:
        show(json.dumps({"agrees": not findings, "findings": [asdict(one) for one in findings]}, indent=2))
    elif not findings:
        show("all agrees")
    for finding in () if arguments.json else findings:
        show(f"{finding.name}  {finding.text}; try: {finding.cure}")
    return 1 if findings else 0
