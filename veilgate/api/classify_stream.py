"""What a thing is, told as it is found out: the picture's veil job, then the lookup that follows it."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from veilgate.api.callers import Guest
from veilgate.api.classify_lines import ACCEPTED, VEILED_STAGE, WAITING, ClassifyLines, line
from veilgate.api.container import Container
from veilgate.api.job_stream import follow, insist
from veilgate.domain.errors import NotFound
from veilgate.domain.jobs import TERMINAL, JobStatus
from veilgate.domain.partial_results import PARTIAL_RESULTS
from veilgate.services.jobs.job_events import EventPage
from veilgate.services.uploads.intake import AcceptedJob
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Veiled:
    """What is there once the veil job has completed."""

    links: dict[str, Any]
    lookup: EventPage | None


@dataclass(frozen=True, slots=True)
class Classification:
    """What one caller asked, and where its veil job stood then."""

    parts: Container
    guest: Guest
    accepted: AcceptedJob
    page: EventPage

    @property
    def _owner_id(self) -> str:
        return self.guest.caller.owner_id

    async def lines(self) -> AsyncGenerator[bytes]:
        """From `accepted` to `done`. Without `done` at its end it was broken off: the gateway or the key
        ended, or the image was erased. What was asked goes on in all cases but the last."""
        yield line("accepted", self._accepted(), ACCEPTED)
        told = ClassifyLines(self.accepted.job_id)
        try:
            async with aclosing(self._told(told)) as lines:
                async for one in lines:
                    yield one
        except NotFound as error:
            _log.warning("classify.broken_off", job_id=self.accepted.job_id, code=error.code)
            yield _broken_off(error)

    async def _told(self, told: ClassifyLines) -> AsyncGenerator[bytes]:
        async with aclosing(self._of_job(told, self.page)) as lines:
            async for one in lines:
                yield one
        if told.status is JobStatus.COMPLETED:
            async with aclosing(self._once_veiled(told)) as lines:
                async for one in lines:
                    yield one
        elif told.status in TERMINAL:
            yield told.done()

    async def _once_veiled(self, told: ClassifyLines) -> AsyncGenerator[bytes]:
        veiled: _Veiled | None = None
        async with aclosing(insist(self.parts, self.guest, self._look)) as answers:
            async for veiled in answers:
                if veiled is None:
                    yield _waiting(self.accepted.job_id)
        if veiled is None:
            return
        yield told.line("veiled", veiled.links, PARTIAL_RESULTS[VEILED_STAGE].description)
        if veiled.lookup:
            told.go_on_with_lookup(veiled.lookup.standing.job_id)
            async with aclosing(self._of_job(told, veiled.lookup)) as lines:
                async for one in lines:
                    yield one
        if told.status in TERMINAL:
            yield told.done()

    async def _of_job(self, told: ClassifyLines, page: EventPage) -> AsyncGenerator[bytes]:
        async with aclosing(follow(self.parts, page, self.guest)) as events:
            async for event in events:
                if event is None:
                    yield _waiting(page.standing.job_id)
                    continue
                for one in told.of(event):
                    yield one

    def _accepted(self) -> dict[str, Any]:
        job_id = self.accepted.job_id
        return {
            "job_id": job_id,
            "image_id": self.page.standing.image_id,
            "status_url": f"/status/{job_id}",
            "events_url": f"/jobs/{job_id}/events",
            "deduplicated": self.accepted.deduplicated,
        }

    def _look(self) -> _Veiled:
        """Where the veiled copy is fetched, now that it can be, and the beginning of its lookup."""
        parts = self.parts
        document = json.loads(parts.queries.status(self.accepted.job_id, self._owner_id).document)
        results = document["results"]
        links = {
            "image_id": document["image_id"],
            "processed_url": results["processed_url"],
            "thumbnail_urls": results["thumbnail_urls"],
        }
        lookup_id = parts.events.lookup_of(self.page.standing.image_id)
        return _Veiled(links, parts.events.page(lookup_id, self._owner_id, 0) if lookup_id else None)


def _waiting(job_id: str) -> bytes:
    return line("waiting", {"job_id": job_id}, WAITING)


def _broken_off(error: NotFound) -> bytes:
    return line(
        "failed", {"stage": "stream", "code": error.code, "message": error.message}, "The stream ends early."
    )
