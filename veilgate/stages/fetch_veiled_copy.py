"""Fetches what may leave the house: the veiled picture, small and without metadata."""

import asyncio
import hashlib

from veilgate.domain.errors import StageFailed
from veilgate.domain.lookups import SentPicture
from veilgate.domain.outcomes import Outcome
from veilgate.domain.pictures import PictureLimits
from veilgate.imaging.sniff import inspect_picture
from veilgate.stages.lookup_contract import LookupWork
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, thumbnail_key
from veilgate.storage.ports import ObjectStore

# Ours, and made within what uploads are held to: a strip of a picture may have a thumbnail of one pixel.
_LIMITS = PictureLimits(min_side=1, max_aspect=float("inf"))


class FetchVeiledCopy:
    """The copy is that of the result that was shown when the job was claimed."""

    name = "fetch_veiled_copy"

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def run(self, work: LookupWork) -> Outcome:
        if not work.result_key:
            raise StageFailed("The image shows no result.")
        key = thumbnail_key(work.result_key, max(THUMBNAIL_SIDES_PX))
        try:
            data = await asyncio.to_thread(self._store.get, key)
        except FileNotFoundError:
            raise StageFailed("The veiled copy is not in the object store.") from None
        header = inspect_picture(data, _LIMITS)
        picture = SentPicture(
            data, hashlib.sha256(data).hexdigest(), header.format.media_type, header.width, header.height
        )
        report = {
            "sha256": picture.sha256,
            "bytes": len(data),
            "width": picture.width,
            "height": picture.height,
        }
        return Outcome.produced(picture, report)
