import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.processes import runs
from tests.unit.imaging.hostile_decoders import decode_as_told
from tests.unit.imaging.imaging_samples import noise, saved
from tests.waiting import wait_until
from veilgate.domain.errors import DecoderCrashed, DecodeTimeout, StageFailed, UndecodablePicture
from veilgate.domain.pictures import PictureFormat, PictureLimits
from veilgate.domain.rejections import TooManyPixels
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.decode_pool import DecodePool

LIMITS = PictureLimits()
PICTURE = saved(noise((200, 150)), "JPEG")
ENOUGH_BYTES = 2 << 30


def _pool(*, children: int = 1, timeout_s: float = 30, memory_bytes: int = ENOUGH_BYTES) -> DecodePool:
    return DecodePool(
        children, limits=LIMITS, timeout_s=timeout_s, memory_bytes=memory_bytes, decode=decode_as_told
    )


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    shared = _pool(children=2)
    shared.start()
    yield shared
    shared.close()


@pytest.fixture
def impatient_pool() -> Iterator[DecodePool]:
    own = _pool(timeout_s=0.5)
    own.start()
    yield own
    own.close()


def _child_of(pool: DecodePool) -> int:
    return int.from_bytes(pool.decode(b"pid").pixels.tobytes(), "big")


def _hung_child(order_file: Path) -> int:
    return wait_until(
        lambda: int(order_file.read_text()) if order_file.exists() else None,
        timeout_s=20,
        what="the child to begin its decode",
    )


def test_a_picture_comes_back_as_decoded_here(pool: DecodePool) -> None:
    picture, expected = pool.decode(PICTURE), decode_picture(PICTURE, LIMITS)
    assert np.array_equal(picture.pixels, expected.pixels)
    assert picture.alpha is None
    assert picture.format is PictureFormat.JPEG


def test_the_arrays_can_be_written_and_outlive_each_other(pool: DecodePool) -> None:
    picture = pool.decode(b"transparent")
    assert (picture.width, picture.height) == (3, 2)
    assert picture.pixels.flags.c_contiguous
    alpha = picture.alpha
    picture.pixels[:] = 1
    del picture
    assert alpha is not None
    assert (alpha == 9).all()
    alpha[:] = 2
    assert (alpha == 2).all()


def test_the_print_resolution_comes_along(pool: DecodePool) -> None:
    assert pool.decode(saved(noise((40, 30)), "JPEG", dpi=(300, 150))).dpi == (300, 150)
    assert pool.decode(PICTURE).dpi is None


@pytest.mark.parametrize("lie", ["[1e9, 72]", "[NaN, 300]", '"GPS"', "[300]", "{}", "[null, null]", "7"])
def test_a_resolution_that_is_none_is_not_believed_of_a_child(pool: DecodePool, lie: str) -> None:
    assert pool.decode(b"lie " + lie.encode()).dpi is None


def test_what_the_child_reports_is_raised_here(pool: DecodePool) -> None:
    with pytest.raises(TooManyPixels, match="So many pixels"):
        pool.decode(b"reject")
    with pytest.raises(UndecodablePicture, match="not a JPEG"):
        pool.decode(b"not a picture")
    assert pool.decode(PICTURE).width == 200


def test_many_threads_share_few_children(pool: DecodePool) -> None:
    pictures = [saved(noise((64 + index, 64), seed=index), "PNG") for index in range(24)]
    with ThreadPoolExecutor(8) as threads:
        widths = [picture.width for picture in threads.map(pool.decode, pictures)]
    assert widths == [64 + index for index in range(24)]


def test_descriptors_do_not_pile_up(pool: DecodePool) -> None:
    kept = [pool.decode(PICTURE) for _ in range(10)]
    level = open_descriptors()
    kept.clear()
    for _ in range(50):
        pool.decode(PICTURE)
    assert open_descriptors() <= level, "buffers are used again"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_decode_that_hangs_is_ended_and_its_child_replaced(
    impatient_pool: DecodePool, tmp_path: Path
) -> None:
    with pytest.raises(DecodeTimeout, match=r"0\.5 seconds"):
        impatient_pool.decode(b"hang " + bytes(tmp_path / "pid"))
    assert not runs(_hung_child(tmp_path / "pid"))
    assert impatient_pool.decode(PICTURE).width == 200


@pytest.mark.parametrize("order", [b"exit", b"bug"])
def test_a_child_that_dies_is_replaced(pool: DecodePool, order: bytes) -> None:
    with pytest.raises(DecoderCrashed):
        pool.decode(order)
    assert pool.decode(PICTURE).width == 200


def test_a_child_killed_in_the_middle_is_replaced(pool: DecodePool, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        decode = threads.submit(pool.decode, b"hang " + bytes(tmp_path / "pid"))
        os.kill(_hung_child(tmp_path / "pid"), signal.SIGKILL)
        with pytest.raises(DecoderCrashed):
            decode.result(timeout=20)
    assert pool.decode(PICTURE).width == 200


def test_a_child_killed_between_pictures_costs_one_picture_at_most(impatient_pool: DecodePool) -> None:
    child = _child_of(impatient_pool)
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: not runs(child), timeout_s=20, what="the child to die")
    with pytest.raises(DecoderCrashed):
        impatient_pool.decode(PICTURE)
    assert impatient_pool.decode(PICTURE).width == 200


def test_a_child_has_only_so_much_memory(pool: DecodePool) -> None:
    with pytest.raises(UndecodablePicture, match="memory"):
        pool.decode(b"allocate %d" % (3 << 30))


def test_signals_meant_for_the_parent_do_not_end_a_child(pool: DecodePool) -> None:
    with ThreadPoolExecutor(2) as threads:
        children = set(threads.map(lambda _: _child_of(pool), range(8)))
    for child in children:
        os.kill(child, signal.SIGTERM)
        os.kill(child, signal.SIGINT)
    with ThreadPoolExecutor(2) as threads:
        assert set(threads.map(lambda _: _child_of(pool), range(8))) <= children


def test_children_that_cannot_start_fail_the_start_and_hang_nothing() -> None:
    starved = _pool(memory_bytes=1 << 20)
    with pytest.raises(StageFailed, match="could not be started"):
        starved.start()
    with pytest.raises(StageFailed, match="could not be started"):
        starved.decode(PICTURE)
    starved.close()


def test_closing_ends_children_and_decodes_under_way(tmp_path: Path) -> None:
    closing = _pool()
    closing.start()
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(closing.decode, b"hang " + bytes(tmp_path / "pid"))
        child = _hung_child(tmp_path / "pid")
        waiting = threads.submit(closing.decode, PICTURE)
        closing.close()
        with pytest.raises(DecoderCrashed):
            running.result(timeout=20)
        with pytest.raises(StageFailed, match="closed"):
            waiting.result(timeout=20)
    assert not runs(child)
    closing.close()


_DOOMED_PARENT = """
import sys, threading
from tests.unit.imaging.hostile_decoders import decode_as_told
from veilgate.domain.pictures import PictureLimits
from veilgate.imaging.decode_pool import DecodePool

pool = DecodePool(
    2, limits=PictureLimits(), timeout_s=float(sys.argv[2]), memory_bytes=2 << 30, decode=decode_as_told
)
pool.start()
idle = int.from_bytes(pool.decode(b"pid").pixels.tobytes(), "big")
if sys.argv[1] == "exit":
    print(idle, flush=True)
    sys.exit()
threading.Thread(target=pool.decode, args=(b"hang " + sys.argv[3].encode(),)).start()
threading.Thread(target=lambda: print(pool.decode(b"pid").width, idle, flush=True)).start()
"""


def _shared_memory_files() -> set[str]:
    return {entry.name for entry in Path("/dev/shm").iterdir()}  # noqa: S108 - we look, we do not write


def test_a_killed_parent_leaves_no_child_and_no_file(tmp_path: Path) -> None:
    before = _shared_memory_files()
    with subprocess.Popen(
        [sys.executable, "-c", _DOOMED_PARENT, "stay", "1", str(tmp_path / "pid")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as parent:
        assert parent.stdout is not None
        idle = int(parent.stdout.readline().split()[1])
        busy = _hung_child(tmp_path / "pid")
        parent.kill()
    # The one that waits sees its pipe close; the one that hangs is ended by its alarm (1 s × 1.5 + 1 s).
    for child in (idle, busy):
        wait_until(lambda pid=child: not runs(pid), timeout_s=20, what="the child to end")  # type: ignore[misc]
    assert _shared_memory_files() <= before
    assert not [
        path for path in tmp_path.iterdir() if path.name not in ("pid", "pid.partial") and path.is_file()
    ]


def test_a_parent_that_forgets_to_close_still_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DOOMED_PARENT, "exit", "5"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    wait_until(lambda: not runs(int(done.stdout)), timeout_s=20, what="the child to end")
