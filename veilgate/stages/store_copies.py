"""Stores the veiled copy and its thumbnails, under keys that carry the fence of this claim."""

from collections.abc import Sequence
from dataclasses import dataclass

from veilgate.domain.outcomes import Outcome
from veilgate.imaging.encode import encode_picture
from veilgate.imaging.thumbnail import thumbnails
from veilgate.stages.blur_regions import VeiledPicture
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, job_prefix, processed_key, result_prefix, thumbnail_key
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.failpoints import failpoint

_THUMBNAIL_QUALITY = 80


@dataclass(frozen=True, slots=True)
class StoredCopies:
    prefix: str


class StoreCopies:
    name = "store_copies"
    runs_on = RunsOn.CPU

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        return work.header.width, work.header.height

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        return [self._run_one(work) for work in works]

    def _run_one(self, work: PictureWork) -> Outcome:
        picture = work[VeiledPicture].picture
        if work.fence > 1:
            self._remove_earlier(work)
        prefix = result_prefix(work.job_id, work.fence)
        key = processed_key(prefix, picture.format.suffix)
        data = encode_picture(picture, metadata=work.options.metadata)
        self._store.put(key, data, media_type=picture.format.media_type)
        thumbnail_uris = {}
        for side_px, small in zip(THUMBNAIL_SIDES_PX, thumbnails(picture, THUMBNAIL_SIDES_PX), strict=True):
            small_key = thumbnail_key(prefix, side_px)
            encoded = encode_picture(small, quality=_THUMBNAIL_QUALITY)
            self._store.put(small_key, encoded, media_type=small.format.media_type)
            thumbnail_uris[str(side_px)] = self._store.uri(small_key)
        failpoint("after_result_put", work.job_id)
        report = {"processed": self._store.uri(key), "bytes": len(data), "thumbnails": thumbnail_uris}
        return Outcome.produced(StoredCopies(prefix), report)

    def _remove_earlier(self, work: PictureWork) -> None:
        """What earlier claims of this job have stored. No row can point to it, because a claim with a higher
        fence was made; left for after the commit, a kill between the two would leave it for good."""
        earlier = tuple(result_prefix(work.job_id, fence) for fence in range(1, work.fence))
        stored = self._store.list(job_prefix(work.job_id))
        self._store.delete([key for key in stored if key.startswith(earlier)])
