"""What the routes are given: one of each use case, made by the root."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from veilgate.api.callers import Callers, Guest
from veilgate.api.event_watch import EventWatch
from veilgate.api.quotas import Quotas
from veilgate.api.search_places import SearchPlaces
from veilgate.api.wake_hub import WakeHub
from veilgate.domain.access import Caller
from veilgate.domain.errors import Unavailable
from veilgate.domain.jobs import JobKind
from veilgate.domain.options import UploadOptions
from veilgate.domain.rejections import InvalidOption
from veilgate.persistence.records import DueJob
from veilgate.queueing.enqueue import Dispatch
from veilgate.services.access.audit import Audit
from veilgate.services.access.sessions import Sessions
from veilgate.services.finding.duplicates import Duplicates
from veilgate.services.finding.query_pictures import QueryPictures
from veilgate.services.finding.query_texts import QueryTexts
from veilgate.services.finding.similarity import Similarity
from veilgate.services.finding.text_search import TextSearch
from veilgate.services.images.browse import Browse
from veilgate.services.images.copies import Copies
from veilgate.services.images.erase import Erase
from veilgate.services.images.image_links import ImageLinks
from veilgate.services.images.image_notes import ImageNotes
from veilgate.services.images.shared_links import SharedFiles
from veilgate.services.jobs.job_control import JobControl
from veilgate.services.jobs.job_events import JobEvents
from veilgate.services.jobs.job_log import log_accepted, log_joined
from veilgate.services.jobs.job_queries import JobQueries
from veilgate.services.jobs.lookups import Lookups
from veilgate.services.jobs.redo import Redo
from veilgate.services.overview.health import Health
from veilgate.services.overview.statistics import Statistics
from veilgate.services.uploads.admission import Admission
from veilgate.services.uploads.batches import Batches
from veilgate.services.uploads.direct_uploads import DirectUploads
from veilgate.services.uploads.intake import AcceptedJob, Intake
from veilgate.services.uploads.spool import Spool
from veilgate.services.uploads.url_uploads import UrlUploads
from veilgate.services.webhooks.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much one request may carry."""

    max_file_bytes: int
    max_batch_bytes: int
    max_batch_files: int


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """Who is let in, how much each may ask for, and what is written down of it."""

    callers: Callers
    quotas: Quotas
    sessions: Sessions
    audit: Audit


@dataclass(frozen=True, slots=True)
class Finding:
    """What images are found by, and where the search server is asked."""

    browse: Browse
    similarity: Similarity
    query_pictures: QueryPictures
    query_texts: QueryTexts
    text_search: TextSearch
    duplicates: Duplicates
    search_places: SearchPlaces
    text_places: SearchPlaces
    picture_places: SearchPlaces


@dataclass(frozen=True, slots=True)
class Container:
    door: FrontDoor
    admission: Admission
    intake: Intake
    batches: Batches
    direct_uploads: DirectUploads
    url_uploads: UrlUploads
    queries: JobQueries
    events: JobEvents
    control: JobControl
    redo: Redo
    lookups: Lookups
    erase: Erase
    finding: Finding
    notes: ImageNotes
    webhooks: Webhooks
    copies: Copies
    links: ImageLinks
    shared_files: SharedFiles
    statistics: Statistics
    health: Health
    spool: Spool
    dispatch: Dispatch
    hub: WakeHub
    watch: EventWatch
    limits: UploadLimits
    veil_targets: tuple[str, ...]

    def read_options(self, given: Mapping[str, Any]) -> UploadOptions:
        """Options as callers write them, checked against what this house can veil."""
        options = UploadOptions.parse(given)
        for target in options.blur_targets or ():
            if target not in self.veil_targets:
                offered = ", ".join(self.veil_targets)
                raise InvalidOption(
                    f"blur_targets: {target!r} cannot be veiled here; offered are: {offered}."
                )
        return options

    def set_to_work(self, job: AcceptedJob) -> None:
        """Tell the log and the workers of what an upload has made."""
        if job.is_new:
            log_accepted(DueJob(job.job_id, JobKind.VEIL, job.lane))
            self.dispatch(job.job_id, JobKind.VEIL, job.lane)
        elif job.deduplicated:
            log_joined(job.job_id)
        if job.lookup:
            log_accepted(job.lookup)
            self.dispatch(job.lookup.id, job.lookup.kind, job.lookup.lane)

    async def require_room(self, owner: str, key: str | None = None) -> None:
        """Raises `QueueFull` or `DiskFull` before a caller sends what would have to be refused. Who asks
        again for an answer that was given before, by its Idempotency-Key, makes no new work."""
        if self.admission.is_stale:
            await run_in_threadpool(self.admission.count)
        try:
            self.admission.require_room()
        except Unavailable:
            if key is None or not await run_in_threadpool(self.intake.has_answered, key, owner):
                raise


def container_of(request: Request) -> Container:
    container: Container = request.app.state.container
    return container


def guest_of(request: Request) -> Guest:
    """Who makes this request, and by what they are known: `GuardedRoute` has found out."""
    guest: Guest | None = request.state.guest
    assert guest
    return guest


def caller_of(request: Request) -> Caller:
    """Who makes this request."""
    return guest_of(request).caller


def current_owner(request: Request) -> str:
    """Whose things this request is about."""
    return caller_of(request).owner_id


async def _container(request: Request) -> Container:
    return container_of(request)


async def _owner(request: Request) -> str:
    return current_owner(request)


async def _caller(request: Request) -> Caller:
    return caller_of(request)


# Async, because FastAPI calls others in a thread each, which costs more than all that they do.
Parts = Annotated[Container, Depends(_container)]
Owner = Annotated[str, Depends(_owner)]
Known = Annotated[Caller, Depends(_caller)]
