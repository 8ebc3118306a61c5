"""Claimed jobs as pictures for the engine."""

from veilgate.domain.errors import DeviceLost
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureFormat, PictureHeader
from veilgate.domain.rejections import InputRejected
from veilgate.persistence.records import ClaimedJob
from veilgate.services.engines.picture_engine import PictureEngine
from veilgate.stages.contract import PictureWork


class ImageJobs:
    def __init__(self, engine: PictureEngine) -> None:
        self._engine = engine

    @property
    def lost_device(self) -> DeviceLost | None:
        return self._engine.lost_device

    def begin(self, job: ClaimedJob) -> None:
        """Hand a picture to the engine. One whose options this version does not know fails by itself."""
        try:
            self._engine.submit(_work(job, UploadOptions.from_json(job.options)))
        except InputRejected as error:
            self._engine.reject(_work(job, UploadOptions()), error)

    def abandon(self, job_id: str) -> None:
        self._engine.abandon(job_id)


def _work(job: ClaimedJob, options: UploadOptions) -> PictureWork:
    return PictureWork(
        job_id=job.id,
        image_id=job.image_id,
        owner_id=job.owner_id,
        filename=job.filename,
        fence=job.fence,
        original_key=job.original_key,
        sha256=job.sha256,
        header=PictureHeader(PictureFormat(job.format), job.width, job.height),
        options=options,
        attempts=job.attempts,
        queued_ms=max(0, job.started_at_ms - job.created_at_ms),
        since_asked_ms=max(0, job.started_at_ms - job.asked_at_ms),
        correlation_id=job.correlation_id,
    )
