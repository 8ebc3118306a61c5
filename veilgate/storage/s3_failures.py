"""What S3 answers, in the house's errors. Texts never carry keys, tokens or signed addresses."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from veilgate.domain.errors import ConfigurationError, DiskFull, ObjectStoreUnavailable, VeilgateError

_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_FULL = frozenset({"XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity", "507"})
_WRONG_KEY = frozenset({"InvalidAccessKeyId", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
_WRONG_REGION = frozenset(
    {"PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_REFUSED = frozenset({"AccessDenied", "AllAccessDisabled", "403", "Forbidden", "SignatureDoesNotMatch"})


@contextmanager
def translated_errors() -> Iterator[None]:
    """`FileNotFoundError` for a missing object, `DiskFull`, else `ObjectStoreUnavailable` with the reason."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except FileNotFoundError:
        raise
    except ClientError as error:
        if code_of(error) in _MISSING:
            raise FileNotFoundError("The object is not in the bucket.") from None
        raise unavailable(code_of(error), error.response) from error
    except BotoCoreError as error:
        raise ObjectStoreUnavailable(_reason(error)) from error
    except OSError as error:
        # Of the file that was to be stored, or of a connection below botocore's care.
        raise ObjectStoreUnavailable("The object could not be transferred.") from error


def unavailable(code: str, response: Mapping[str, Any]) -> VeilgateError:
    """The error for one of S3's codes."""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in _FULL or status == 507:
        return DiskFull("The object store is full.")
    if code == "NoSuchBucket":
        return ObjectStoreUnavailable("The bucket does not exist.")
    if code in _REFUSED | _WRONG_KEY:
        return ObjectStoreUnavailable(f"The object store refuses us ({code}).")
    return ObjectStoreUnavailable(f"The object store answered {code}.")


@contextmanager
def as_settings_to_mend(bucket: str, region: str) -> Iterator[None]:
    """At start: an error that only an operator can end becomes `ConfigurationError`, naming the setting."""
    from botocore.exceptions import BotoCoreError, ClientError, SSLError

    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if line := _setting_at_fault(code, bucket, region):
            raise ConfigurationError(line) from error
        raise unavailable(code, error.response) from error
    except BotoCoreError as error:
        if "Credentials" in type(error).__name__ or type(error).__name__ == "ProfileNotFound":
            raise ConfigurationError(f"AWS_ACCESS_KEY_ID: {_reason(error)}") from error
        if isinstance(error, SSLError):
            raise ConfigurationError(f"S3_CA_FILE: {_reason(error)}") from error
        raise ObjectStoreUnavailable(_reason(error)) from error


def code_of(error: Any) -> str:
    """S3's short word for what went wrong, fit to be shown."""
    code = str(error.response.get("Error", {}).get("Code", "")) or "an error"
    return re.sub(r"[^\w. -]", "", code)[:60]


def _setting_at_fault(code: str, bucket: str, region: str) -> str:
    lines = {
        frozenset({"NoSuchBucket", "404", "NotFound", "InvalidBucketName"}): (
            f"S3_BUCKET: there is no bucket {bucket}"
        ),
        _WRONG_KEY: f"AWS_ACCESS_KEY_ID: the object store does not know this key ({code})",
        frozenset({"SignatureDoesNotMatch"}): "AWS_SECRET_ACCESS_KEY: does not belong to the key in use",
        _WRONG_REGION: f"AWS_REGION: the bucket {bucket} is not in {region}",
        _REFUSED: f"S3_BUCKET: these keys may not list, write and delete in the bucket {bucket} ({code})",
    }
    if code.startswith("KMS."):
        return f"S3_KMS_KEY_ID: the key cannot be used ({code})"
    return next((line for codes, line in lines.items() if code in codes), "")


def _reason(error: Exception) -> str:
    kind = type(error).__name__
    if "Credentials" in kind or kind == "ProfileNotFound":
        return "there are no usable S3 credentials"
    if kind == "SSLError":
        # Of a certificate that is not believed, and of one with another name.
        if "CERTIFICATE_VERIFY_FAILED" in str(error) or "match" in str(error):
            return "The object store's certificate is refused."
        return "The object store offers no encrypted connections."
    if "Timeout" in kind:
        return "The object store does not answer in time."
    return f"The object store cannot be reached ({kind})."
