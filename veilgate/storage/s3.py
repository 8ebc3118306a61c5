"""Objects in a bucket of S3, or of a server that speaks like it."""

import hashlib
from base64 import b64encode
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from veilgate.domain.errors import ConfigurationError, ObjectStoreUnavailable
from veilgate.storage.keys import key_parts
from veilgate.storage.ports import SignedPut
from veilgate.storage.s3_client import S3Access, open_client
from veilgate.storage.s3_failures import as_settings_to_mend, translated_errors, unavailable
from veilgate.storage.s3_multipart import MULTIPART_FROM_BYTES, put_in_parts
from veilgate.storage.s3_versions import stored_versions

_PROBES = "probe/"
_CHUNK_BYTES = 1 << 20
# As many as DeleteObjects takes.
_DELETE_GROUP = 1000


class S3ObjectStore:
    """Safe to share between threads. Every write carries its SHA-256, which the store verifies."""

    def __init__(self, access: S3Access) -> None:
        self._access = access
        self._bucket = access.bucket
        self._client: Any = open_client(access, access.endpoint_url)
        public = access.public_endpoint_url
        self._signing_client: Any = open_client(access, public) if public else self._client

    @property
    def signed_url_s(self) -> int:
        return self._access.signed_url_s

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        with translated_errors():
            self._put(key, data, media_type=media_type, sha256=hashlib.sha256(data).hexdigest())

    def put_file(self, key: str, path: Path, *, media_type: str, sha256: str) -> None:
        with translated_errors():
            size = path.stat().st_size
            with path.open("rb") as file:
                if size < MULTIPART_FROM_BYTES:
                    self._put(key, file, media_type=media_type, sha256=sha256)
                else:
                    headers = {"ContentType": media_type, **self._access.encryption_headers}
                    target = {"Bucket": self._bucket, "Key": self._checked(key)}
                    put_in_parts(self._client, file, sha256, target=target, headers=headers)
            path.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        with translated_errors():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._checked(key))
            with closing(answer["Body"]) as body:
                return bytes(body.read())

    def open_chunks(self, key: str) -> tuple[int, Generator[bytes]]:
        with translated_errors():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._checked(key))
        return int(answer["ContentLength"]), _chunks(answer["Body"])

    def open_range(self, key: str, first: int, last: int) -> Generator[bytes]:
        with translated_errors():
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._checked(key), Range=f"bytes={first}-{last}"
            )
        return _chunks(answer["Body"])

    def size_bytes(self, key: str) -> int:
        with translated_errors():
            answer = self._client.head_object(Bucket=self._bucket, Key=self._checked(key))
        return int(answer["ContentLength"])

    def delete(self, keys: list[str]) -> None:
        self._delete([{"Key": self._checked(key)} for key in keys])

    def erase(self, names: Sequence[str]) -> None:
        with translated_errors():
            found = [one for name in names for one in stored_versions(self._client, self._bucket, name)]
        self._delete(found)

    def traces(self, name: str) -> Iterator[str]:
        with translated_errors():
            for one in stored_versions(self._client, self._bucket, name):
                yield one["Key"]

    def _delete(self, objects: list[dict[str, str]]) -> None:
        for start in range(0, len(objects), _DELETE_GROUP):
            group = objects[start : start + _DELETE_GROUP]
            with translated_errors():
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": group, "Quiet": True}
                )
            # The answer is 200 even when objects could not be deleted.
            failed = [error for error in answer.get("Errors", []) if error.get("Code") != "NoSuchKey"]
            if failed:
                raise unavailable(str(failed[0].get("Code", "an error"))[:60], answer)

    def list(self, prefix: str) -> Iterator[str]:
        with translated_errors():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    yield str(entry["Key"])

    def uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def check(self) -> None:
        """One small request; that keys may write was shown at start."""
        try:
            with translated_errors():
                self._client.head_bucket(Bucket=self._bucket)
        except FileNotFoundError:
            raise ObjectStoreUnavailable("The bucket does not exist.") from None

    def remove_unfinished(self, *, older_than_s: float) -> int:
        removed, before = 0, datetime.now(UTC) - timedelta(seconds=older_than_s)
        with translated_errors():
            for page in self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket):
                for upload in page.get("Uploads", []):
                    if upload["Initiated"] < before:
                        self._client.abort_multipart_upload(
                            Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                        )
                        removed += 1
            removed += self._remove_probes(before)
        return removed

    def _remove_probes(self, before: datetime) -> int:
        """What processes left that were killed in `require_usable`."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=_PROBES)
        entries = [entry for page in pages for entry in page.get("Contents", [])]
        old = [entry["Key"] for entry in entries if entry["LastModified"] < before]
        for key in old:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        return len(old)

    def require_usable(self) -> None:
        """Show that we may list, write and delete. Raises `ConfigurationError`, naming the setting at fault,
        or `ObjectStoreUnavailable` when that cannot be known now."""
        region, probe = self._access.region, b"veilgate"
        # Several processes may start at once.
        probe_key = f"{_PROBES}{uuid4().hex}"
        with as_settings_to_mend(self._bucket, region):
            # Not HeadBucket: only an answer with a body says what is wrong.
            self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
            # On AWS a call to the wrong region is redirected and works; addresses that we sign would not.
            if not self._access.endpoint_url:
                found = self._client.head_bucket(Bucket=self._bucket).get("BucketRegion", region)
                if found != region:
                    raise ConfigurationError(f"AWS_REGION: the bucket {self._bucket} is in {found}")
            self._put(probe_key, probe, media_type="text/plain", sha256=hashlib.sha256(probe).hexdigest())
            with closing(self._client.get_object(Bucket=self._bucket, Key=probe_key)["Body"]) as body:
                if body.read(_CHUNK_BYTES) != probe:
                    raise ConfigurationError("S3_ENDPOINT_URL: what answers there does not keep objects")
            self._client.delete_object(Bucket=self._bucket, Key=probe_key)

    def sign_get(self, key: str, *, media_type: str, disposition: str, works_s: int | None = None) -> str:
        """The address also says that the answer is not to be kept by shared caches."""
        parameters = {
            "Bucket": self._bucket,
            "Key": self._checked(key),
            "ResponseContentType": media_type,
            "ResponseContentDisposition": disposition,
            "ResponseCacheControl": "private, no-store",
        }
        return self._sign("get_object", parameters, works_s)

    def sign_put(self, key: str, *, size_bytes: int, sha256: str) -> SignedPut:
        """Length, checksum and encryption are signed in, so that S3 refuses anything else."""
        checksum = _base64(sha256)
        encryption = self._access.encryption_headers
        url = self._sign(
            "put_object",
            {
                "Bucket": self._bucket,
                "Key": self._checked(key),
                "ContentLength": size_bytes,
                "ChecksumSHA256": checksum,
                **encryption,
            },
        )
        headers = {"Content-Length": str(size_bytes), "x-amz-checksum-sha256": checksum}
        if "ServerSideEncryption" in encryption:
            headers["x-amz-server-side-encryption"] = encryption["ServerSideEncryption"]
        if "SSEKMSKeyId" in encryption:
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = encryption["SSEKMSKeyId"]
        return SignedPut(url, headers)

    def _sign(self, operation: str, parameters: dict[str, Any], works_s: int | None = None) -> str:
        with translated_errors():  # the credentials' chain may have to ask somebody
            url: str = self._signing_client.generate_presigned_url(
                operation, Params=parameters, ExpiresIn=works_s or self._access.signed_url_s
            )
        return url

    def _put(self, key: str, body: object, *, media_type: str, sha256: str) -> None:
        answer = self._client.put_object(
            Bucket=self._bucket,
            Key=self._checked(key),
            Body=body,
            ContentType=media_type,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_base64(sha256),
            **self._access.encryption_headers,
        )
        # Anything on the web may answer 200.
        if not answer.get("ETag"):
            raise ObjectStoreUnavailable("What answers is no object store.")

    def _checked(self, key: str) -> str:
        key_parts(key)
        return key


def _chunks(body: Any) -> Generator[bytes]:
    # botocore raises when the body ends before its Content-Length.
    with closing(body), translated_errors():
        while chunk := body.read(_CHUNK_BYTES):
            yield chunk


def _base64(sha256: str) -> str:
    return b64encode(bytes.fromhex(sha256)).decode()
