"""Large files in parts: a part that is lost on the way is sent again by itself."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import IO, Any

from veilgate.domain.errors import ObjectStoreUnavailable
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
MULTIPART_FROM_BYTES = 16 << 20
# S3 takes 10,000 parts, so that a file may have 80 GB. One part is held in memory.
_PART_BYTES = 8 << 20


def put_in_parts(
    client: Any, file: IO[bytes], sha256: str, *, target: Mapping[str, str], headers: Mapping[str, Any]
) -> None:
    """Upload the file, each part with its SHA-256. Whatever fails, no parts stay behind as long as the store
    can be reached."""
    begun = client.create_multipart_upload(**target, **headers, ChecksumAlgorithm="SHA256")
    if not begun.get("UploadId"):
        raise ObjectStoreUnavailable("What answers is no object store.")
    upload = {**target, "UploadId": begun["UploadId"]}
    try:
        parts = _send_parts(client, file, sha256, upload)
        client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    except BaseException:
        _abort(client, upload)
        raise


def _send_parts(client: Any, file: IO[bytes], sha256: str, upload: Mapping[str, str]) -> list[dict[str, Any]]:
    whole, parts = hashlib.sha256(), list[dict[str, Any]]()
    while data := file.read(_PART_BYTES):
        whole.update(data)
        number, checksum = len(parts) + 1, b64encode(hashlib.sha256(data).digest()).decode()
        answer = client.upload_part(**upload, PartNumber=number, Body=data, ChecksumSHA256=checksum)
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
    # The store can only verify the parts; that they are the file as it was accepted, we do.
    if whole.hexdigest() != sha256:
        raise ObjectStoreUnavailable("The file changed before it was stored.")
    return parts


def _abort(client: Any, upload: Mapping[str, str]) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client.abort_multipart_upload(**upload)
    except (BotoCoreError, ClientError) as error:
        _log.warning("s3.parts_left_behind", error=type(error).__name__)
