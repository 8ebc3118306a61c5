"""Claimed jobs as pictures for the engine."""

from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureFormat, PictureHeader
from veilgate.persistence.records import ClaimedJob
from veilgate.services.picture_engine import PictureEngine
from veilgate.stages.contract import PictureWork


class ImageJobs:
    def __init__(self, engine: PictureEngine) -> None:
        self._engine = engine

    def begin(self, job: ClaimedJob) -> None:
        options = UploadOptions.from_json(job.options)
        self._engine.submit(
            PictureWork(
                job_id=job.id,
                image_id=job.image_id,
                fence=job.fence,
                original_key=job.original_key,
                sha256=job.sha256,
                header=PictureHeader(PictureFormat(job.format), job.width, job.height),
                policy=options.policy,
                options=options.as_dict(),
                attempts=job.attempts,
                queued_ms=max(0, job.started_at_ms - job.created_at_ms),
            )
        )

    def abandon(self, job_id: str) -> None:
        self._engine.abandon(job_id)
