"""`veilgate jobs verify`: what does not agree, a line each, and a summary."""

import argparse
import json
from typing import Any

from veilgate.cli.console import StatusLine, complain, show
from veilgate.cli.house import House
from veilgate.services.verification.verification import Summary, Verdict


def verify(arguments: argparse.Namespace, house: House) -> int:
    """0 when all agrees now and could be looked at, else 1."""
    line = StatusLine()

    def tell(verdict: Verdict) -> None:
        line.put("")
        show(json.dumps(_document(verdict)) if arguments.json else _sentence(verdict))

    def progress(what: str, number: int) -> None:
        line.put(f"{number:,} {what}")

    verification = house.verification(deep=arguments.deep, repair=arguments.repair)
    summary = verification.run(tell=tell, progress=progress)
    line.put("")
    if arguments.json:
        show(json.dumps({"summary": {**vars(summary), "agrees": summary.agrees}}))
    else:
        _show_summary(summary)
    for what, reason in summary.not_checked.items():
        complain(f"REDIS_URL: {reason} Not checked: {what}.")
    return 0 if summary.agrees else 1


def _sentence(verdict: Verdict) -> str:
    finding = verdict.finding
    line = f"{finding.name}  {finding.subject}: {finding.text}"
    if verdict.repaired:
        return f"{line}; repaired: {verdict.repaired}"
    return f"{line}; not repaired: {verdict.not_repaired}" if verdict.not_repaired else line


def _document(verdict: Verdict) -> dict[str, Any]:
    finding = verdict.finding
    return {
        "finding": finding.name,
        "subject": finding.subject,
        "text": finding.text,
        "repaired": verdict.repaired or None,
        "not_repaired": verdict.not_repaired or None,
    }


def _show_summary(summary: Summary) -> None:
    looked_at = ", ".join(
        f"{number:,} {what}" for what, number in summary.looked_at.items() if what not in summary.not_checked
    )
    show(f"looked at {looked_at}")
    if not summary.found:
        show("no disagreement found" if summary.not_checked else "all agrees")
        return
    found = ", ".join(f"{name} {number:,}" for name, number in sorted(summary.found.items()))
    show(f"found {found}")
    left = sum(summary.left.values())
    repaired = sum(summary.found.values()) - left
    show(f"{repaired:,} repaired, {left:,} left")
