"""Every version of an object: a bucket that keeps versions only hides what is deleted by its key."""

from collections.abc import Iterator
from typing import Any

from veilgate.storage.s3_failures import code_of


def stored_versions(client: Any, bucket: str, name: str) -> Iterator[dict[str, str]]:
    """Key and version of all that is kept of this object, or of all objects below a name that ends with a
    slash: earlier versions and the marks of deletions too.

    A store that has never heard of versions keeps one, which has no name of its own.
    """
    from botocore.exceptions import ClientError

    try:
        pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=name)
        for page in pages:
            for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                if _is_of(name, entry["Key"]):
                    yield {"Key": entry["Key"], "VersionId": entry["VersionId"]}
    except ClientError as error:
        # Whoever refuses us the list may keep versions: that is no reason to believe there are none.
        if code_of(error) != "NotImplemented":
            raise
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=name):
            yield from (
                {"Key": entry["Key"]} for entry in page.get("Contents", ()) if _is_of(name, entry["Key"])
            )


def _is_of(name: str, key: str) -> bool:
    return key == name or name.endswith("/")
