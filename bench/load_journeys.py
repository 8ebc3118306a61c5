"""What one arrival does: sends a picture and waits for its veiled copy, or asks a question."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from bench.load_calls import Calls
from bench.load_measures import Measures
from bench.load_scenarios import Plan

_ACCEPTED = 202
_REFUSALS = (429, 503)
_WAITING = ("submitted", "processing")


class JourneyFailed(Exception):
    """Its text says where and how, and is the same for what failed alike."""


@dataclass(frozen=True, slots=True)
class Journeys:
    """`due_s` and `began_s` are times of `time.monotonic`. Latency counts from when something was due, not
    from when there was time to send it."""

    calls: Calls
    plan: Plan
    measures: Measures
    began_s: float

    async def picture(self, due_s: float) -> None:
        """The whole life of one. It failed when it was not taken, did not complete, or cannot be fetched."""
        self._note_ms("late_ms", due_s)
        try:
            await self._fetch(await self.completed(due_s), due_s)
        except (JourneyFailed, httpx.HTTPError) as error:
            self._note_failure("picture_success", error)
        else:
            self.measures.successes["picture_success"][True] += 1
            self.measures.counts["pictures_completed"] += 1

    async def completed(self, due_s: float) -> str:
        """Send a picture and wait; the id of its job and image."""
        job_id = await self._uploaded(due_s)
        self._note_completion(await self._results(job_id, due_s), due_s)
        return job_id

    async def question(self, due_s: float, image_ids: Sequence[str]) -> None:
        shares = self.plan.question_shares
        name = random.choices(list(shares), list(shares.values()))[0]
        try:
            answer = await self.calls.ask(name, random.choice(image_ids))
            self._note_ms("question_ms", due_s)
            _require(answer, 200, f"question {name}")
        except (JourneyFailed, httpx.HTTPError) as error:
            self._note_failure("question_success", error)
        else:
            self.measures.successes["question_success"][True] += 1

    async def _uploaded(self, due_s: float) -> str:
        answer = await self._granted(lambda: self._timed("upload_ms", self.calls.upload()), due_s)
        _require(answer, _ACCEPTED, "upload")
        return str(answer.json()["job_id"])

    async def _granted(self, call: Callable[[], Awaitable[httpx.Response]], due_s: float) -> httpx.Response:
        """Who is told to come again later does so, as long as there is patience: the house refuses uploads
        when its queue is full, and a proxy any call when one address has too many connections."""
        while (answer := await call()).status_code in _REFUSALS:
            self.measures.counts["pictures_refused"] += 1
            await asyncio.sleep(self._advised_s(answer))
            if not self._has_patience(due_s):
                raise JourneyFailed("refused until patience ended")
        return answer

    async def _timed(self, metric: str, call: Awaitable[httpx.Response]) -> httpx.Response:
        began_s = time.monotonic()
        answer = await call
        self._note_ms(metric, began_s)
        return answer

    def _advised_s(self, refusal: httpx.Response) -> float:
        advice = refusal.headers.get("Retry-After", "")
        if not advice.isdigit() or advice == "0":
            self.measures.counts["refusals_without_advice"] += 1
            raise JourneyFailed(f"refused with {refusal.status_code} and no Retry-After")
        return float(advice)

    async def _results(self, job_id: str, due_s: float) -> dict[str, Any]:
        began_s = time.monotonic()
        while self._has_patience(due_s):
            answer = await self._granted(lambda: self.calls.wait_for(job_id), due_s)
            _require(answer, 200, "status")
            job: dict[str, Any] = answer.json()
            if job["status"] in _WAITING:
                continue
            if job["status"] != "completed":
                raise JourneyFailed(f"job {job['status']}: {job['error']}")
            self._note_ms("wait_ms", began_s)
            results: dict[str, Any] = job["results"]
            return results
        raise JourneyFailed("not completed until patience ended")

    async def _fetch(self, image_id: str, due_s: float) -> None:
        answer = await self._granted(
            lambda: self._timed("fetch_ms", self.calls.fetch_processed(image_id)), due_s
        )
        _require(answer, 200, "processed")

    def _note_completion(self, results: dict[str, Any], due_s: float) -> None:
        self._note_ms("end_to_end_ms", due_s)
        values = self.measures.values
        values["completed_after_s"].append(time.monotonic() - self.began_s)
        values["queue_ms"].append(results["queue_time"] * 1000)
        for stage, told in results["stages"].items():
            if told["outcome"] == "produced" and stage in self.plan.house_stages:
                values[f"stage_{stage}_ms"].append(told["ms"])

    def _note_ms(self, metric: str, since_s: float) -> None:
        self.measures.values[metric].append((time.monotonic() - since_s) * 1000)

    def _note_failure(self, metric: str, error: Exception) -> None:
        self.measures.successes[metric][False] += 1
        self.measures.failures[f"{type(error).__name__}: {error}"[:300]] += 1

    def _has_patience(self, due_s: float) -> bool:
        return time.monotonic() - due_s < self.plan.patience_s


def _require(answer: httpx.Response, expected: int, what: str) -> None:
    if answer.status_code != expected:
        raise JourneyFailed(f"{what}: {answer.status_code} {answer.text[:200]}")
