"""docs/lookups.md says the limits and prices that hold."""

import re
from pathlib import Path

from veilgate.lookups.provider_policies import read_policies


def rows(text: str, first_column: str) -> dict[str, list[str]]:
    """The cells of a table by the names in its first column."""
    table = text.partition(f"\n| {first_column} |")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {name: rest for first, *rest in cells for name in re.findall(r"`(\w+)`", first)}


def test_tables_are_the_ones_in_use(repository_root: Path) -> None:
    text = (repository_root / "docs" / "lookups.md").read_text().partition("## How providers are asked")[2]
    policies = read_policies()
    accounts = {policy.account.name: policy.account for policy in policies.values()}
    providers = {
        name: [policy.name for policy in policies.values() if policy.account.name == name]
        for name in accounts
    }
    assert rows(text, "account") == {
        name: [
            ", ".join(f"`{provider}`" for provider in providers[name]),
            f"{account.concurrency}",
            f"{account.per_second:.3g}",
            f"{account.daily_calls}",
        ]
        for name, account in accounts.items()
    }
    assert rows(text, "provider") == {
        name: [
            f"{amount:.4g}" if amount < 1000 else f"{amount:.0f}"
            for amount in (
                policy.usd_per_call,
                policy.timeout_s,
                policy.attempts,
                policy.first_pause_s,
                policy.longest_pause_s,
                policy.kept_h,
            )
        ]
        for name, policy in policies.items()
    }
