"""The keys of an identity provider: fetched when needed, seldom, and kept while it is away."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fixtures.identity_provider import IdentityProvider, identity_provider
from tests.waiting import wait_until
from veilgate.services.access.published_keys import PublishedKeys


class Clock:
    def __init__(self) -> None:
        self.now_s = 50_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider({"kid": "a", "is": 1}) as provider:
        yield provider


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(provider: IdentityProvider, clock: Clock) -> PublishedKeys[int]:
    return PublishedKeys(provider.url, read, clock=clock)


def read(entries: list[Any]) -> dict[str, int]:
    return {entry["kid"]: entry["is"] for entry in entries}


def test_they_are_fetched_when_first_needed_and_every_ten_minutes(
    keys: PublishedKeys[int], provider: IdentityProvider, clock: Clock
) -> None:
    assert provider.asked == 0
    assert [keys.find("a"), keys.find("a")] == [1, 1]
    provider.publish({"kid": "a", "is": 2})
    clock.now_s += 599
    assert (keys.find("a"), provider.asked) == (1, 1)
    clock.now_s += 1
    assert (keys.find("a"), provider.asked) == (2, 2)


def test_a_key_that_was_withdrawn_is_gone(
    keys: PublishedKeys[int], provider: IdentityProvider, clock: Clock
) -> None:
    keys.find("a")
    provider.publish({"kid": "b", "is": 2})
    clock.now_s += 600
    assert (keys.find("a"), keys.find("b")) == (None, 2)


def test_a_new_key_is_found_at_once_but_made_up_ones_fetch_once_a_minute(
    keys: PublishedKeys[int], provider: IdentityProvider, clock: Clock
) -> None:
    keys.find("a")
    provider.publish({"kid": "a", "is": 1}, {"kid": "new", "is": 2})
    clock.now_s += 60
    assert (keys.find("new"), provider.asked) == (2, 2)
    for number in range(100):
        clock.now_s += 0.5
        assert keys.find(f"made up {number}") is None
    clock.now_s += 9.9
    assert keys.find("made up") is None
    assert provider.asked == 2
    clock.now_s += 0.1
    assert (keys.find("made up"), provider.asked) == (None, 3)


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (500, b""),
        (404, b"{}"),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys": 1}'),
        (200, b"\xff"),
        (200, b"[" * 200_000),
        (200, b'{"keys": [' + b" " * 256 * 1024 + b"]}"),
    ],
)
def test_the_old_ones_are_kept_when_nothing_good_comes(
    keys: PublishedKeys[int], provider: IdentityProvider, clock: Clock, status: int, document: bytes
) -> None:
    keys.find("a")
    provider.status, provider.document = status, document
    clock.now_s += 600
    assert [keys.find("a"), keys.find("a")] == [1, 1]
    assert provider.asked == 2, "and it is not asked with every token"
    provider.status = 200
    provider.publish({"kid": "a", "is": 2})
    clock.now_s += 60
    assert keys.find("a") == 2


def test_a_provider_that_is_away_at_first_is_asked_again_soon(
    keys: PublishedKeys[int], provider: IdentityProvider, clock: Clock
) -> None:
    provider.status = 503
    assert [keys.find("a"), keys.find("a")] == [None, None]
    assert provider.asked == 1
    provider.status = 200
    clock.now_s += 10
    assert keys.find("a") == 1


def test_nobody_waits_long_for_a_provider_that_was_away_before(
    keys: PublishedKeys[int], provider: IdentityProvider, clock: Clock
) -> None:
    """Or made-up tokens could hold every thread of the gateway."""
    provider.status = 503
    keys.find("a")
    clock.now_s += 10
    provider.answers.clear()
    asking = threading.Thread(target=keys.find, args=("a",))
    asking.start()
    wait_until(lambda: provider.asked == 2, timeout_s=10, what="somebody asks")
    assert keys.find("a") is None
    assert asking.is_alive(), "the other still waits"
    provider.answers.set()
    asking.join(10)


def test_redirects_lead_nowhere(clock: Clock, provider: IdentityProvider) -> None:
    with identity_provider({"kid": "a", "is": 666}) as other:
        provider.status, provider.headers = 302, {"Location": other.url}
        assert PublishedKeys(provider.url, read, clock=clock).find("a") is None
        assert (provider.asked, other.asked) == (1, 0)


def test_nobody_waits_for_keys_that_are_there(
    keys: PublishedKeys[int], provider: IdentityProvider, clock: Clock
) -> None:
    keys.find("a")
    clock.now_s += 600
    provider.answers.clear()
    asking = threading.Thread(target=keys.find, args=("a",))
    asking.start()
    wait_until(lambda: provider.asked == 2, timeout_s=10, what="somebody asks")
    assert keys.find("a") == 1
    assert asking.is_alive(), "the other still waits"
    provider.answers.set()
    asking.join(10)
    assert provider.asked == 2


def test_who_needs_the_first_keys_waits_for_whoever_asks(
    keys: PublishedKeys[int], provider: IdentityProvider
) -> None:
    provider.answers.clear()
    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(keys.find, "a") for _ in range(4)]
        wait_until(lambda: provider.asked == 1, timeout_s=10, what="somebody asks")
        provider.answers.set()
        assert [one.result() for one in found] == [1] * 4
    assert provider.asked == 1


def test_nobody_answers(clock: Clock, free_port: int) -> None:
    keys = PublishedKeys(f"http://127.0.0.1:{free_port}/", read, clock=clock)
    assert keys.find("a") is None
