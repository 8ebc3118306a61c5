"""Buffers are used again only when nobody can see the picture that was in them."""

import gc
import os

import numpy as np

from veilgate.imaging.pixel_buffers import BufferShelf

SIZE_BYTES = 3_000_000


def test_a_buffer_comes_back_when_the_last_view_dies() -> None:
    shelf = BufferShelf(most_idle_bytes=100_000_000)
    first = shelf.take(SIZE_BYTES)
    whole = shelf.lend(first, SIZE_BYTES)
    row = whole[: 300 * 900].reshape(300, 300, 3)[10:20, ::2].T[1]
    seen = memoryview(row)
    del whole, row
    gc.collect()
    assert shelf.take(SIZE_BYTES) is not first, "somebody still looks at it"
    del seen
    gc.collect()
    assert shelf.take(SIZE_BYTES) is first


def test_what_is_lent_is_writable_and_shared_with_the_file() -> None:
    shelf = BufferShelf(most_idle_bytes=100_000_000)
    buffer = shelf.take(SIZE_BYTES)
    whole = shelf.lend(buffer, SIZE_BYTES)
    whole[:4] = (1, 2, 3, 4)
    assert buffer.mapping[:4] == bytes((1, 2, 3, 4))
    assert whole.size == SIZE_BYTES


def test_the_smallest_that_fits_is_taken() -> None:
    shelf = BufferShelf(most_idle_bytes=100_000_000)
    small, large = shelf.take(4 << 20), shelf.take(40 << 20)
    shelf.put_back(large)
    shelf.put_back(small)
    assert shelf.take(5 << 20) is large
    assert shelf.take(1 << 20) is small
    assert shelf.take(1 << 20) is not large


def test_too_much_does_not_lie_idle() -> None:
    shelf = BufferShelf(most_idle_bytes=20 << 20)
    buffers = [shelf.take(8 << 20) for _ in range(4)]
    for buffer in buffers:
        shelf.put_back(buffer)
    again = [shelf.take(8 << 20) for _ in range(4)]
    assert again[0] is buffers[2]
    assert again[1] is buffers[3]
    assert not {id(buffer) for buffer in buffers[:2]} & {id(buffer) for buffer in again}


def test_a_closed_shelf_leaves_arrays_alone_and_keeps_nothing() -> None:
    shelf = BufferShelf(most_idle_bytes=100_000_000)
    buffer = shelf.take(SIZE_BYTES)
    whole = shelf.lend(buffer, SIZE_BYTES)
    identity = identity_of(buffer.file)
    shelf.close()
    whole[:] = 7
    assert int(np.sum(whole[:10])) == 70
    del whole
    gc.collect()
    assert identity_of(buffer.file) != identity
    assert shelf.take(SIZE_BYTES) is not buffer


def identity_of(file: int) -> tuple[int, int] | None:
    """Which file a descriptor leads to: its number may be another's by now."""
    try:
        status = os.fstat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino
