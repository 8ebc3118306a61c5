"""Stores the veiled copy and its thumbnails, under keys that carry the fence of this claim."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from veilgate.domain.outcomes import Outcome
from veilgate.domain.pictures import PictureFormat
from veilgate.imaging.encode import encode_picture
from veilgate.imaging.picture import Picture
from veilgate.imaging.thumbnail import thumbnails
from veilgate.stages.blur_regions import VeiledPicture
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, job_prefix, processed_key, result_prefix, thumbnail_key
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.metrics import STAGE_SECONDS

_THUMBNAIL_QUALITY = 80


@dataclass(frozen=True, slots=True)
class StoredCopies:
    prefix: str


@dataclass(frozen=True, slots=True)
class _File:
    key: str
    data: bytes
    format: PictureFormat


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
        with STAGE_SECONDS.labels("encode").time():
            key = processed_key(prefix, picture.format.suffix)
            processed = _File(key, encode_picture(picture, metadata=work.options.metadata), picture.format)
            small = {side_px: _thumbnail(prefix, side_px, one) for side_px, one in _thumbnails(picture)}
        with STAGE_SECONDS.labels("store").time():
            for file in (processed, *small.values()):
                self._store.put(file.key, file.data, media_type=file.format.media_type)
        failpoint("after_result_put", work.job_id)
        report = {
            "processed": self._store.uri(key),
            "bytes": len(processed.data),
            "stored_bytes": sum(len(file.data) for file in (processed, *small.values())),
            "thumbnails": {str(side_px): self._store.uri(file.key) for side_px, file in small.items()},
        }
        return Outcome.produced(StoredCopies(prefix), report)

    def _remove_earlier(self, work: PictureWork) -> None:
        """What earlier claims of this job have stored. No row can point to it, because a claim with a higher
        fence was made; left for after the commit, a kill between the two would leave it for good."""
        earlier = tuple(result_prefix(work.job_id, fence) for fence in range(1, work.fence))
        stored = self._store.list(job_prefix(work.job_id))
        self._store.delete([key for key in stored if key.startswith(earlier)])


def _thumbnails(picture: Picture) -> Iterator[tuple[int, Picture]]:
    return zip(THUMBNAIL_SIDES_PX, thumbnails(picture, THUMBNAIL_SIDES_PX), strict=True)


def _thumbnail(prefix: str, side_px: int, small: Picture) -> _File:
    data = encode_picture(small, quality=_THUMBNAIL_QUALITY)
    return _File(thumbnail_key(prefix, side_px), data, small.format)
