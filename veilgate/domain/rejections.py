"""What we do not take, and why: the branch of the errors in domain/errors.py that callers meet most.

InputRejected
├── EmptyFile, MissingFile, NotAnImage, UnsupportedFormat, TruncatedImage, DamagedImage
├── FileTooLarge, RequestTooLarge, TooManyPixels, BadDimensions, TooManyFiles
├── UnknownField, InvalidOption, OptionAfterFile, InvalidIdempotencyKey, MalformedRequest
├── UploadIncomplete, UploadMismatch, DirectUploadsUnavailable
├── FormatNotEnabled, UnsupportedMode, TooManyFrames, BadArchive
├── UrlForbidden, FetchFailed, FetchTimeout
├── InvalidCursor, NoTextModel, RangeNotSatisfiable, TooManyWebhooks
└── IdempotencyConflict
"""

from veilgate.domain.errors import VeilgateError


class InputRejected(VeilgateError):
    """The request was not accepted."""


class EmptyFile(InputRejected):
    """The file is empty."""

    code = "empty_file"


class MissingFile(InputRejected):
    """The request carries no file in the expected field."""

    code = "missing_file"


class NotAnImage(InputRejected):
    """The bytes are not a picture."""

    code = "not_an_image"


class UnsupportedFormat(InputRejected):
    """This picture format is not taken."""

    code = "unsupported_format"


class TruncatedImage(InputRejected):
    """The picture ends before its format says it should."""

    code = "truncated"


class DamagedImage(InputRejected):
    """The picture's structure is damaged."""

    code = "damaged"


class FileTooLarge(InputRejected):
    """The file is larger than this gateway takes."""

    code = "file_too_large"


class RequestTooLarge(InputRejected):
    """The request body is larger than this gateway takes."""

    code = "request_too_large"


class TooManyPixels(InputRejected):
    """The picture has more pixels than this gateway takes."""

    code = "too_many_pixels"


class BadDimensions(InputRejected):
    """The picture is too small or too elongated to be processed."""

    code = "bad_dimensions"


class TooManyFiles(InputRejected):
    """The request carries more files than this gateway takes at once."""

    code = "too_many_files"


class UnknownField(InputRejected):
    """The form carries a field that this call does not know."""

    code = "unknown_field"


class InvalidOption(InputRejected):
    """An option has a value outside its range."""

    code = "invalid_option"


class OptionAfterFile(InputRejected):
    """In a batch, options must come before the first file, because files are accepted as they arrive."""

    code = "option_after_file"


class InvalidIdempotencyKey(InputRejected):
    """The Idempotency-Key must be 1 to 255 printable ASCII characters."""

    code = "invalid_idempotency_key"


class MalformedRequest(InputRejected):
    """The request could not be parsed."""

    code = "malformed_request"


class IdempotencyConflict(InputRejected):
    """This Idempotency-Key was used before with a different request."""

    code = "idempotency_conflict"


class FormatNotEnabled(InputRejected):
    """HEIC and AVIF are taken where the package pillow-heif is installed; here it is not."""

    code = "heic_not_enabled"


class UnsupportedMode(InputRejected):
    """The picture stores its pixels in a way that is not taken."""

    code = "unsupported_mode"


class TooManyFrames(InputRejected):
    """The picture has more frames or pages than are taken."""

    code = "too_many_frames"


class BadArchive(InputRejected):
    """The archive cannot be read, or holds more than is taken."""

    code = "bad_archive"


class UrlForbidden(InputRejected):
    """This address is not fetched from."""

    code = "url_forbidden"


class FetchFailed(InputRejected):
    """Nothing could be fetched from this address."""

    code = "fetch_failed"


class FetchTimeout(InputRejected):
    """Fetching from this address took too long."""

    code = "fetch_timeout"


class InvalidCursor(InputRejected):
    """The cursor is not one that this call gave out."""

    code = "invalid_cursor"


class NoTextModel(InputRejected):
    """The model that answers here embeds pictures, not texts."""

    code = "no_text_model"


class RangeNotSatisfiable(InputRejected):
    """The file ends before the bytes that were asked for begin."""

    code = "range_not_satisfiable"


class UploadIncomplete(InputRejected):
    """Nothing has been put at the address of this upload yet."""

    code = "upload_incomplete"


class UploadMismatch(InputRejected):
    """What was put is not the file that was announced; it is gone, and may be put again."""

    code = "upload_mismatch"


class DirectUploadsUnavailable(InputRejected):
    """Direct uploads need S3_BUCKET; this gateway keeps pictures in a folder, and /upload takes them."""

    code = "direct_uploads_unavailable"


class TooManyWebhooks(InputRejected):
    """An owner may have so many webhooks and no more."""

    code = "too_many_webhooks"
