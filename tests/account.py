"""What a run of pytest did, in numbers that add up: its own, or those of several side by side."""

import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

# As pytest's closing line has them.
_ORDER = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "error")
_WIDTH = 80


def _no_counts() -> Counter[str]:
    return Counter()


@dataclass(frozen=True)
class Account:
    """`outcomes` has pytest's own words, `collected` counts tests by suite, `skipped` by suite and reason;
    `failed` names tests as pytest's summary does."""

    outcomes: Counter[str] = field(default_factory=_no_counts)
    collected: Counter[str] = field(default_factory=_no_counts)
    skipped: Counter[str] = field(default_factory=_no_counts)
    failed: Counter[str] = field(default_factory=_no_counts)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self)), encoding="utf-8")

    def skips(self) -> list[str]:
        """One line for each suite and reason."""
        return [
            f"{what} ({count} {'test' if count == 1 else 'tests'})"
            for what, count in sorted(self.skipped.items())
        ]

    def without_tests(self, suites: Collection[str]) -> list[str]:
        return [suite for suite in suites if not self.collected[suite]]

    def closing_line(self, took_s: float) -> str:
        """As pytest writes it, so that whoever looks for pytest's finds this one."""
        said = [_counted(self.outcomes[word], word) for word in _ORDER if self.outcomes[word]]
        text = f"{', '.join(said) or 'no tests ran'} in {_spelt(took_s)}"
        fill = "=" * max((_WIDTH - len(text) - 2) // 2, 1)
        return f"{fill} {text} {fill}"


def read_account(path: Path) -> Account:
    return Account(**{name: Counter(counts) for name, counts in json.loads(path.read_bytes()).items()})


def added_up(accounts: Iterable[Account]) -> Account:
    total = Account()
    for account in accounts:
        total.outcomes.update(account.outcomes)
        total.collected.update(account.collected)
        total.skipped.update(account.skipped)
        total.failed.update(account.failed)
    return total


def _counted(count: int, word: str) -> str:
    nouns = {"error": ("error", "errors"), "warnings": ("warning", "warnings")}
    one, many = nouns.get(word, (word, word))
    return f"{count} {one if count == 1 else many}"


def _spelt(took_s: float) -> str:
    if took_s < 60:
        return f"{took_s:.2f}s"
    minutes, seconds = divmod(int(took_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{took_s:.2f}s ({hours}:{minutes:02}:{seconds:02})"
