"""Whatever is in the place of whatever: an adapter finds less, or says which failure it is."""

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.unit.lookups.providers.recorded import AZURE, EBAY, LENS, SEEN, SHOPPING, TOKEN, VISION, completion
from tests.unit.lookups.providers.scripted_asks import ASKED, PICTURE, ScriptedAsks, said
from veilgate.domain.lookups import Finding
from veilgate.domain.provider_errors import LookupFailed
from veilgate.lookups.catalogue import PICTURE_PROVIDERS, TEXT_PROVIDERS, Accounts, ProviderSettings
from veilgate.lookups.questions import Reply

SETTINGS = ProviderSettings(
    google_vision_url="http://g.example",
    serpapi_url="http://s.example",
    ebay_url="http://e.example",
    vision_model_url="http://m.example",
)
Unlike = Callable[[Any], Reply]
KINDS: dict[str, tuple[Any, Unlike]] = {
    "google_vision": (VISION, said),
    "google_lens": (LENS, said),
    "google_shopping": (SHOPPING, said),
    "ebay_image": (EBAY, said),
    "ebay_search": (EBAY, said),
    "azure_vision": (AZURE, said),
    "vision_model": (SEEN, lambda document: said(completion(json.dumps(document)))),
}
# What has broken readers of JSON before: of another kind, empty, nested, too large, unhashable.
ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e300, 10**400, "", "x", "1e999999", "\x00", "a \ud83d", "\x1b\x7f\x9f b", [], [[]],
    {}, {"a": []}, [None, 1, "x"],
)  # fmt: skip


def places(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in it."""
    parts = document.items() if isinstance(document, dict) else enumerate(document)
    found = [at]
    for name, value in parts:
        inside = isinstance(value, dict | list)
        found += places(value, (*at, name)) if inside else [(*at, name)]
    return found


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    place = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return changed


def ask(name: str, reply: Reply, runner: asyncio.Runner) -> Finding:
    return ask_of(scripted(name, reply), name, runner)


def scripted(name: str, reply: Reply) -> ScriptedAsks:
    return ScriptedAsks(said(TOKEN), reply) if name.startswith("ebay") else ScriptedAsks(reply)


def ask_of(asks: ScriptedAsks, name: str, runner: asyncio.Runner) -> Finding:
    accounts = Accounts(SETTINGS, asks)
    for row in PICTURE_PROVIDERS:
        if row.name == name:
            return runner.run(row.build(accounts).ask(PICTURE, link, asked=ASKED)).finding
    (text_row,) = (row for row in TEXT_PROVIDERS if row.name == name)
    return runner.run(text_row.build(accounts).ask("K2", asked=ASKED)).finding


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all: to make one takes longer than an answer does."""
    with asyncio.Runner() as one:
        yield one


async def link() -> str:
    return "https://gate.example/shared/x"


def test_every_provider_is_tried() -> None:
    assert set(KINDS) == {row.name for row in PICTURE_PROVIDERS} | {row.name for row in TEXT_PROVIDERS}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("status", [200, 429])
def test_something_else_in_every_place(name: str, status: int, runner: asyncio.Runner) -> None:
    good, in_reply = KINDS[name]
    for path in places(good):
        for value in ODD_VALUES:
            reply = in_reply(put(good, path, value))
            try:
                finding = ask(name, Reply(status, reply.headers, reply.document, reply.text), runner)
            except LookupFailed as failure:
                assert failure.message.endswith("."), (path, value)  # noqa: PT017 - many are no failure
            else:
                assert status == 200
                assert_sane(finding, name)


@pytest.mark.parametrize("name", KINDS)
def test_no_more_is_kept_of_an_answer_than_is_read(name: str, runner: asyncio.Runner) -> None:
    """Kept is what the cache holds for a year, of answers of up to 4 MiB."""
    good, in_reply = KINDS[name]
    full = scripted(name, in_reply(good))
    expected = ask_of(full, name, runner)
    for path in places(good):
        for value in ("x" * 100_000, ["x" * 1000] * 100, [{"name": "x" * 1000}] * 100, {"x": "x" * 100_000}):
            asks = scripted(name, in_reply(put(good, path, value)))
            with suppress(LookupFailed):
                ask_of(asks, name, runner)
                assert len(asks.kept[-1]) < len(full.kept[-1]) + 50_000, path
    # With what is read of it, it is the same finding.
    again = scripted(name, in_reply(good | {"more": "x" * 100_000}))
    assert (ask_of(again, name, runner), again.kept[-1]) == (expected, full.kept[-1])


def assert_sane(finding: Finding, name: str) -> None:
    assert finding.provider == name
    assert all(0 <= found.score <= 1 for found in finding.names)
    assert all(offer.price.amount > 0 and offer.link.startswith("http") for offer in finding.offers)
    assert all(page.url.startswith("http") for page in finding.pages)
    texts = [finding.caption or "", *(label.text for label in finding.labels)]
    texts += [name.text for name in finding.names] + [page.title for page in finding.pages]
    texts += [offer.title for offer in finding.offers]
    assert all(text.isprintable() for text in texts)
    assert max(map(len, (finding.labels, finding.names, finding.pages, finding.offers))) <= 20
