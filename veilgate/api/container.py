"""What the routes are given: one of each use case, made by the root."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from veilgate.api.wake_hub import WakeHub
from veilgate.domain.owners import ANONYMOUS
from veilgate.queueing.enqueue import Dispatch
from veilgate.services.batches import Batches
from veilgate.services.copies import Copies
from veilgate.services.health import Health
from veilgate.services.intake import Intake
from veilgate.services.job_control import JobControl
from veilgate.services.job_queries import JobQueries
from veilgate.services.spool import Spool
from veilgate.services.statistics import Statistics


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much one request may carry."""

    max_file_bytes: int
    max_batch_bytes: int
    max_batch_files: int


@dataclass(frozen=True, slots=True)
class Container:
    intake: Intake
    batches: Batches
    queries: JobQueries
    control: JobControl
    copies: Copies
    statistics: Statistics
    health: Health
    spool: Spool
    dispatch: Dispatch
    hub: WakeHub
    limits: UploadLimits


def container_of(request: Request) -> Container:
    container: Container = request.app.state.container
    return container


def current_owner() -> str:
    """Whose request this is. There is one owner until keys exist."""
    return ANONYMOUS


Parts = Annotated[Container, Depends(container_of)]
Owner = Annotated[str, Depends(current_owner)]
