"""What a thing is, told as it is found out: the picture's veil job, then the lookup that follows it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from veilgate.api.callers import Guest
from veilgate.api.classify_lines import ACCEPTED, VEILED_STAGE, WAITING, ClassifyLines, line
from veilgate.api.container import Container
from veilgate.api.job_stream import follow
from veilgate.domain.errors import NotFound, Unavailable, VeilgateError
from veilgate.domain.jobs import TERMINAL, JobStatus
from veilgate.domain.partial_results import PARTIAL_RESULTS
from veilgate.services.intake import AcceptedJob
from veilgate.services.job_events import EventPage
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


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
        ended, the image was erased, or the database went away. What was asked goes on all the same."""
        yield line("accepted", self._accepted(), ACCEPTED)
        told = ClassifyLines()
        try:
            async with aclosing(self._told(told)) as lines:
                async for one in lines:
                    yield one
        except (Unavailable, NotFound) as error:
            _log.warning("classify.broken_off", job_id=self.accepted.job_id, code=error.code)
            yield _broken_off(error)

    async def _told(self, told: ClassifyLines) -> AsyncGenerator[bytes]:
        lookup_id = None
        async with aclosing(self._of_job(told, self.page)) as lines:
            async for one in lines:
                yield one
        if told.status is JobStatus.COMPLETED:
            yield told.line("veiled", await self._links(), PARTIAL_RESULTS[VEILED_STAGE].description)
            lookup_id = await asyncio.to_thread(self.parts.events.lookup_of, self.page.standing.image_id)
        if lookup_id:
            page = await asyncio.to_thread(self.parts.events.page, lookup_id, self._owner_id, 0)
            async with aclosing(self._of_job(told, page)) as lines:
                async for one in lines:
                    yield one
        if told.status in TERMINAL:
            yield told.done(job_id=self.accepted.job_id, lookup_job_id=lookup_id)

    async def _of_job(self, told: ClassifyLines, page: EventPage) -> AsyncGenerator[bytes]:
        async with aclosing(follow(self.parts, page, self.guest)) as events:
            async for event in events:
                if event is None:
                    yield line("waiting", {"job_id": page.standing.job_id}, WAITING)
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

    async def _links(self) -> dict[str, Any]:
        """Where the veiled copy is fetched, now that it can be."""
        status = await asyncio.to_thread(self.parts.queries.status, self.accepted.job_id, self._owner_id)
        document = json.loads(status.document)
        results = document["results"]
        return {
            "image_id": document["image_id"],
            "processed_url": results["processed_url"],
            "thumbnail_urls": results["thumbnail_urls"],
        }


def _broken_off(error: VeilgateError) -> bytes:
    return line(
        "failed", {"stage": "stream", "code": error.code, "message": error.message}, "The stream ends early."
    )
