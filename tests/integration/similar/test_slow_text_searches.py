"""Searches by words that take long: they hold threads of their own, and nobody else's."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.integration.api.samples import fresh
from tests.integration.similar.lab import Lab
from tests.waiting import wait_until

# More than the 40 threads that requests have, and more than may look for words.
CALLERS = 60
PLACES = 4
# Whoever looks into the list of words counts so far first: a tenth of a second, twice in a search.
FAR = 400_000


@pytest.fixture
def slow(lab: Lab) -> Iterator[Lab]:
    lab.execute(
        "ALTER TABLE terms RENAME TO listed",
        f"""CREATE VIEW terms AS
            WITH RECURSIVE far(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM far WHERE n < {FAR})
            SELECT owner_id, term FROM listed WHERE (SELECT max(n) FROM far) > 0
            UNION ALL SELECT '', '' FROM far WHERE n = 0""",  # noqa: S608 - a number of ours
    )
    yield lab
    lab.execute("DROP VIEW terms", "ALTER TABLE listed RENAME TO terms")


class Searchers:
    """Callers who search again as soon as they are answered."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._enough = threading.Event()
        self.found = 0
        self.refused: list[httpx.Response] = []

    def search(self) -> None:
        while not self._enough.is_set():
            answer = self._http.get("/search?q=cat")
            if answer.status_code == 200:
                self.found += 1
            else:
                self.refused.append(answer)

    def stop(self) -> None:
        self._enough.set()


def test_uploads_pass_more_slow_searches_than_there_are_threads(slow: Lab) -> None:
    """An upload that had to wait for a thread would see twenty searches answered first."""
    with _client(slow) as http, ThreadPoolExecutor(CALLERS) as callers:
        searchers = Searchers(http)
        searching = [callers.submit(searchers.search) for _ in range(CALLERS)]
        try:
            wait_until(lambda: searchers.found >= PLACES, timeout_s=30, what="the first answers")
            for _ in range(3):
                before = searchers.found
                uploaded = http.post("/upload", files={"file": ("a.jpg", fresh())})
                assert uploaded.status_code == 202, uploaded.text
                assert searchers.found - before <= 2 * PLACES
            wait_until(lambda: bool(searchers.refused), timeout_s=30, what="a refusal")
        finally:
            searchers.stop()
        for each in searching:
            each.result()
    assert {(answer.status_code, answer.json()["code"]) for answer in searchers.refused} == {
        (503, "search_unavailable")
    }
    assert all("retry-after" in answer.headers for answer in searchers.refused)


def _client(lab: Lab) -> httpx.Client:
    limits = httpx.Limits(max_connections=CALLERS + 1)
    base_url = lab.gateway.http.base_url
    return httpx.Client(base_url=base_url, headers=lab.alice, timeout=60, trust_env=False, limits=limits)
