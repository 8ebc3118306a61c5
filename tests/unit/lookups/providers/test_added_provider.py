"""Adding a provider as docs/lookups.md says: its example, as it stands there."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.lookups.providers.scripted_asks import ASKED, PICTURE, ScriptedAsks, run, said
from veilgate.domain.lookups import ProductName
from veilgate.domain.provider_errors import ProviderThrottled

_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def example(repository_root: Path) -> str:
    (found,) = _EXAMPLE.findall((repository_root / "docs" / "lookups.md").read_text(encoding="utf-8"))
    return str(found)


def provider_of(example: str, asks: ScriptedAsks) -> Any:
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own words
    return names["WhatIsIt"](asks, url="https://whatisit.example", key="secret")


def test_it_has_thirty_lines(example: str) -> None:
    assert len(example.splitlines()) <= 30


def test_it_finds_names(example: str) -> None:
    asks = ScriptedAsks(said({"guesses": [{"name": "Acme K2", "score": "0.5"}, {"name": 7}, "no"]}))
    answered = run(provider_of(example, asks).ask(PICTURE, None, asked=ASKED))
    assert answered.finding.names == (ProductName("Acme K2", 0.3),)
    assert asks.questions[0].body == PICTURE.data


def test_it_is_told_to_slow_down(example: str) -> None:
    with pytest.raises(ProviderThrottled):
        run(provider_of(example, ScriptedAsks(said({}, 429))).ask(PICTURE, None, asked=ASKED))
