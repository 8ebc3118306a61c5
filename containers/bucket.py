"""Makes the bucket that S3_BUCKET names, unless it is there: `python -m containers.bucket`."""

import sys
from contextlib import closing, suppress

from config import require_config
from veilgate.domain.errors import VeilgateError
from veilgate.storage.s3_client import S3Access, open_client
from veilgate.storage.s3_failures import translated_errors


def main() -> int:
    storage = require_config().storage
    access = S3Access(
        storage.s3_bucket,
        storage.aws_region,
        access_key_id=storage.aws_access_key_id.get_secret_value(),
        secret_access_key=storage.aws_secret_access_key.get_secret_value(),
    )
    client = open_client(access, storage.s3_endpoint_url)
    try:
        with closing(client), translated_errors(), suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=storage.s3_bucket)
    except VeilgateError as error:
        sys.stderr.write(f"S3_BUCKET: {storage.s3_bucket} cannot be made: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
