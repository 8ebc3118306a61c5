"""First stage: fetch the original, check that it is what was accepted, decode it upright once."""

import hashlib
from collections.abc import Callable, Sequence

from veilgate.domain.errors import OriginalDamaged, OriginalMissing
from veilgate.domain.outcomes import Outcome
from veilgate.imaging.picture import Picture
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.metrics import STAGE_SECONDS

# Wrong bytes may be of the way here, not of the store: another reading costs less than another attempt.
_READINGS = 2


class DecodePicture:
    name = "decode_picture"
    runs_on = RunsOn.CHILDREN

    def __init__(self, store: ObjectStore, decode: Callable[[bytes], Picture]) -> None:
        self._store = store
        self._decode = decode

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        return work.header.width, work.header.height

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        return [self._run_one(work) for work in works]

    def _run_one(self, work: PictureWork) -> Outcome:
        with STAGE_SECONDS.labels("fetch").time():
            original = self._original(work)
        with STAGE_SECONDS.labels("decode").time():
            picture = self._decode(original)
        report = {"width": picture.width, "height": picture.height, "format": work.header.format}
        return Outcome.produced(picture, report)

    def _original(self, work: PictureWork) -> bytes:
        for _ in range(_READINGS):
            try:
                data = self._store.get(work.original_key)
            except FileNotFoundError as error:
                raise OriginalMissing from error
            if hashlib.sha256(data).hexdigest() == work.sha256:
                return data
        raise OriginalDamaged
