"""The first stage reads what was accepted, or says why it cannot."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from veilgate.domain.errors import OriginalDamaged, OriginalMissing
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureFormat, PictureHeader
from veilgate.imaging.picture import Picture
from veilgate.stages.contract import PictureWork
from veilgate.stages.decode_picture import DecodePicture
from veilgate.storage.local import LocalObjectStore

_DATA = b"as it was accepted"


class Decoded(Exception):
    """Decoding was reached, with these bytes."""


class UnsteadyStore(LocalObjectStore):
    """Gives what it is told to, one reading after the other."""

    def __init__(self, folder: Path, readings: list[bytes]) -> None:
        super().__init__(folder)
        self.readings = readings

    def get(self, key: str) -> bytes:  # noqa: ARG002 - whatever is asked for
        if not self.readings:
            raise FileNotFoundError
        return self.readings.pop(0)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[list[bytes]], None]:
    def decode(data: bytes) -> Picture:
        raise Decoded(data)

    def run(readings: list[bytes]) -> None:
        header = PictureHeader(PictureFormat.JPEG, 4, 4)
        sha256 = hashlib.sha256(_DATA).hexdigest()
        work = PictureWork("job", "image", 1, "original/key", sha256, header, UploadOptions())
        DecodePicture(UnsteadyStore(tmp_path, readings), decode).run([work])

    return run


@pytest.mark.parametrize("readings", [[_DATA], [b"other bytes", _DATA], [_DATA[:5], _DATA]])
def test_a_second_reading_may_be_right(run: Callable[[list[bytes]], None], readings: list[bytes]) -> None:
    with pytest.raises(Decoded) as reached:
        run(readings)
    assert reached.value.args == (_DATA,)


def test_wrong_twice_is_damaged_for_now(run: Callable[[list[bytes]], None]) -> None:
    with pytest.raises(OriginalDamaged) as raised:
        run([b"other bytes", b"more of them", _DATA])
    assert raised.value.retryable


def test_what_is_gone_is_missing(run: Callable[[list[bytes]], None]) -> None:
    with pytest.raises(OriginalMissing):
        run([])
