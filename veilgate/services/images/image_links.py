"""Where the files of an image are found, as answers say it."""

import hashlib
from dataclasses import dataclass
from typing import Any

from veilgate.storage.keys import THUMBNAIL_SIDES_PX


def version_of(result_key: str) -> str:
    """Tells results apart: the files behind an address that carries it never change."""
    return hashlib.sha256(result_key.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ImageLinks:
    """`base_url` is where callers reach the gateway, or a CDN before it; paths alone without one."""

    base_url: str = ""

    def of(self, image_id: str, result_key: str | None, *, has_original: bool = True) -> dict[str, Any]:
        """Without a result there is only the original, and that not for ever."""
        start = f"{self.base_url.rstrip('/')}/images/{image_id}"
        processed, thumbnails = None, {}
        if result_key is not None:
            version = version_of(result_key)
            processed = f"{start}/processed?v={version}"
            thumbnails = {
                str(side): f"{start}/thumbnail?size={side}&v={version}" for side in sorted(THUMBNAIL_SIDES_PX)
            }
        return {
            "processed_url": processed,
            "thumbnail_urls": thumbnails,
            "original_url": f"{start}/original" if has_original else None,
        }
