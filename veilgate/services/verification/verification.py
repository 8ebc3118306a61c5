"""Whether database, object store and lists agree: runs the checks, and their repairs when asked to.

A check is one small class in a module called verify_….py; a new one is a line in the table of `house_checks`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from veilgate.domain.errors import NotFound, QueueUnavailable
from veilgate.domain.rejections import InputRejected

LookedAt = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree. `name` never changes, `subject` is what to look up.

    `repair` puts it right and says what it did; it may be called on a running house and more than once.
    Where there is none, `why_not` says why. `relieve` keeps the damage from spreading: it is done before,
    also where nothing can be put right.
    """

    name: str
    subject: str
    text: str
    repair: Callable[[], str] | None = None
    why_not: str = ""
    relieve: Callable[[], None] | None = None


class Check(Protocol):
    """One way in which the parts of the house may disagree."""

    @property
    def looks_at(self) -> str:
        """What it goes through, for people who wait."""
        ...

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        """What is wrong and not merely on its way; `looked_at` hears of every page."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """A finding, and what became of it: `repaired` says what was done, `not_repaired` why nothing was."""

    finding: Finding
    repaired: str = ""
    not_repaired: str = ""


@dataclass
class Summary:
    """How many findings there were of each name, how many are left, and what could not be looked at."""

    looked_at: dict[str, int] = field(default_factory=dict)
    found: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    not_checked: dict[str, str] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        return not self.left and not self.not_checked


class Verification:
    """Runs checks one after another; nothing is kept but the counts.

    Without Redis the other checks are run. Raises `DatabaseUnavailable` and `ObjectStoreUnavailable`.
    """

    def __init__(self, checks: Sequence[Check], *, repair: bool) -> None:
        self._checks = checks
        self._repair = repair

    def run(self, *, tell: Callable[[Verdict], None], progress: Callable[[str, int], None]) -> Summary:
        """`tell` hears each finding as it is made, `progress` what is being looked at and how many so far."""
        summary = Summary()
        for check in self._checks:
            what = check.looks_at
            summary.looked_at.setdefault(what, 0)

            def looked_at(number: int, what: str = what) -> None:
                summary.looked_at[what] += number
                progress(what, summary.looked_at[what])

            try:
                for finding in check.find(looked_at):
                    verdict = self._judge(finding)
                    summary.found[finding.name] += 1
                    summary.left[finding.name] += not verdict.repaired
                    tell(verdict)
            except QueueUnavailable as error:
                summary.not_checked[what] = error.message
        summary.left = +summary.left
        return summary

    def _judge(self, finding: Finding) -> Verdict:
        if not self._repair:
            return Verdict(finding)
        try:
            if finding.relieve:
                finding.relieve()
            if finding.repair is None:
                return Verdict(finding, not_repaired=finding.why_not)
            return Verdict(finding, repaired=finding.repair())
        except (InputRejected, NotFound) as error:
            return Verdict(finding, not_repaired=error.message)
