"""The same picture with the same options is done once: what makes it the same."""

import hashlib
import json

from veilgate.domain.options import UploadOptions


def dedup_key(owner_id: str, sha256: str, options: UploadOptions, *, models: str) -> str:
    """Equal for uploads whose results would be equal. `models` says what this house makes results with."""
    wanted = options.as_dict()
    del wanted["priority"]  # says when it is done, not how
    del wanted["lookups"]  # what is done beside it: asked of the job that stands for the picture
    parts = json.dumps([owner_id, sha256, wanted, models], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()
