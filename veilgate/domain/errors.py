"""Every way a request or a job can go wrong, as one tree.

    VeilgateError
    ├── InputRejected           the caller sent something we do not take: domain/rejections.py
    ├── Refused                 the caller is not known, may not do this, or asks for too much
    │   └── Unauthorized, Forbidden, RateLimited
    ├── NotFound                there is no such thing, or it is not yours
    │   └── JobNotFound, BatchNotFound, ImageNotFound, UploadNotFound, ResultNotReady, NotIndexed,
    │       WebhookNotFound, DeliveryNotFound, LinkNotFound, OriginalDropped
    ├── IllegalTransition       the job is not in a state that allows this
    ├── PictureFailed           this picture cannot be processed; trying again changes nothing
    │   ├── UndecodablePicture, DecodeTimeout, DecoderCrashed
    │   ├── OriginalMissing, TargetNotOffered
    │   └── TooManyDeliveries, WorkerDied
    ├── StageFailed             a stage raised; worth another try
    │   └── ModelMissing, OriginalDamaged
    ├── LookupFailed            a provider or a page does not answer as it should: domain/provider_errors.py
    ├── Unavailable             something we depend on is away; worth another try
    │   └── DatabaseUnavailable, ObjectStoreUnavailable, QueueUnavailable, QueueFull, DiskFull, DeviceLost,
    │       SearchUnavailable, IndexNotReady
    └── ConfigurationError      a setting is wrong; said at start, naming the setting

A leaf has a stable `code` (part of the public contract) and says whether another try may help.
It knows nothing of HTTP or RQ: `api/problems.py` and `domain/retry.py` translate it, one table each.
"""

from typing import ClassVar


class VeilgateError(Exception):
    """Root of everything we raise on purpose."""

    code: ClassVar[str] = "internal"
    retryable: bool = False
    # When another try makes sense, in whole seconds; None where time changes nothing.
    retry_after_s: int | None = None

    @property
    def message(self) -> str:
        """What people read: the text given, else the first line of the class docstring."""
        return str(self) or (type(self).__doc__ or self.code).splitlines()[0]


class Refused(VeilgateError):
    """The request is not answered for this caller."""


class Unauthorized(Refused):
    """A valid key, token or session is needed."""

    code = "unauthorized"


class Forbidden(Refused):
    """This key, token or session is not good for this."""

    code = "forbidden"


class RateLimited(Refused):
    """More was asked for than is allowed in this time."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str = "", *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotFound(VeilgateError):
    """There is no such thing."""


class JobNotFound(NotFound):
    """There is no such job."""

    code = "job_not_found"


class BatchNotFound(NotFound):
    """There is no such batch."""

    code = "batch_not_found"


class ImageNotFound(NotFound):
    """There is no such image."""

    code = "image_not_found"


class UploadNotFound(NotFound):
    """There is no such upload."""

    code = "upload_not_found"


class ResultNotReady(NotFound):
    """The image has no processed copy (yet)."""

    code = "result_not_ready"


class NotIndexed(NotFound):
    """This image has no embedding: it is not processed yet, or the model could not embed it."""

    code = "not_indexed"


class WebhookNotFound(NotFound):
    """There is no such webhook."""

    code = "webhook_not_found"


class DeliveryNotFound(NotFound):
    """There is no such delivery."""

    code = "delivery_not_found"


class LinkNotFound(NotFound):
    """There is no such link, or its time is over."""

    code = "link_not_found"


class OriginalDropped(NotFound):
    """The original was deleted when its time was over; the veiled copy is kept."""

    code = "original_dropped"


class IllegalTransition(VeilgateError):
    """The job's state does not allow this."""

    code = "illegal_transition"


class PictureFailed(VeilgateError):
    """This picture cannot be processed."""


class UndecodablePicture(PictureFailed):
    """The picture could not be decoded."""

    code = "undecodable"


class DecodeTimeout(PictureFailed):
    """Decoding took too long and was ended."""

    code = "decode_timeout"


class DecoderCrashed(PictureFailed):
    """The decoder process died on this picture."""

    code = "decoder_crashed"
    # Or for want of memory: whom the kernel ends then has little to do with whose fault it is.
    retryable = True


class OriginalMissing(PictureFailed):
    """The stored original is gone."""

    code = "original_missing"


class TargetNotOffered(PictureFailed):
    """The face model that is loaded does not know a class that was to be veiled."""

    code = "target_not_offered"


class TooManyDeliveries(PictureFailed):
    """The job was started too often without an end."""

    code = "too_many_deliveries"


class WorkerDied(PictureFailed):
    """The worker process died each time it ran this job alone."""

    code = "worker_died"


class StageFailed(VeilgateError):
    """A stage failed on this picture."""

    code = "stage_failed"
    retryable = True


class ModelMissing(StageFailed):
    """The model that this stage needs is not there."""

    code = "model_missing"


class OriginalDamaged(StageFailed):
    """The stored original is not the bytes that were accepted, each time it was read."""

    code = "original_damaged"


class Unavailable(VeilgateError):
    """Something this gateway depends on is away."""

    retryable = True
    retry_after_s: int = 5


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached."""

    code = "database_unavailable"


class ObjectStoreUnavailable(Unavailable):
    """The object store cannot be reached."""

    code = "object_store_unavailable"


class QueueFull(Unavailable):
    """Too many jobs wait; try again later."""

    code = "queue_full"

    def __init__(self, message: str = "", *, retry_after_s: int = Unavailable.retry_after_s) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueUnavailable(Unavailable):
    """Redis cannot be reached."""

    code = "queue_unavailable"


class DiskFull(Unavailable):
    """There is no space left to store the picture."""

    code = "disk_full"


class SearchUnavailable(Unavailable):
    """The search server is not reachable."""

    code = "search_unavailable"


class IndexNotReady(Unavailable):
    """The index is being built; try again shortly."""

    code = "index_not_ready"


class DeviceLost(Unavailable):
    """The device that the models run on does not work any more."""

    code = "device_lost"


class ConfigurationError(VeilgateError):
    """A setting is missing or wrong."""

    code = "configuration"
