"""What runs in a decode process: one picture after another, under limits, until its pipe closes."""

import ctypes
import json
import os
import resource
import signal
from collections.abc import Callable
from multiprocessing import reduction
from multiprocessing.connection import Connection

import cv2
import numpy as np

from veilgate.domain.errors import UndecodablePicture, VeilgateError
from veilgate.domain.pictures import PictureLimits
from veilgate.imaging.picture import Picture
from veilgate.imaging.shared_file import read_all, write_all

DecodeFunction = Callable[[bytes, PictureLimits], Picture]
READY, WRITTEN = b"ready", b"written"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The pool ends a late child by itself; the alarm ends one whose pool was killed before it could.
_ALARM_FACTOR, _ALARM_SLACK_S = 1.5, 1.0


def serve(
    pipe: Connection, decode: DecodeFunction, *, limits: PictureLimits, timeout_s: float, memory_bytes: int
) -> None:
    """Answer each file received with JSON: `{width, height, has_alpha, format, dpi}`, or `{code, message}`.

    After the first kind comes the descriptor of a file with room for the RGB pixels and the alpha plane;
    `WRITTEN` says that they are in it. Returns when the other end closes.
    """
    _confine(memory_bytes)
    # A limit that the largest picture cannot fit in would make sound pictures look broken: fail now.
    # (8 bytes a pixel: RGBA in Pillow's memory and in ours. The pages are never touched.)
    np.empty(limits.max_pixels * 8, np.uint8)
    pipe.send_bytes(READY)
    _silence_codecs()
    while True:
        try:
            encoded_file = reduction.recv_handle(pipe)
        except (EOFError, OSError, RuntimeError):
            return
        signal.setitimer(signal.ITIMER_REAL, timeout_s * _ALARM_FACTOR + _ALARM_SLACK_S)
        try:
            _answer(pipe, encoded_file, decode, limits=limits)
        except OSError:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)


def _confine(memory_bytes: int) -> None:
    """Bound memory, leave no core file, and be ended by the pool alone; the alarm stays deadly."""
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    cv2.setNumThreads(1)
    _keep_freed_memory()


def _silence_codecs() -> None:
    """libtiff writes a line for each damaged row of a fax, which may be 20,000 lines of log for one file.

    What is wrong with a picture is said by the answer.
    """
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a descriptor is all that is wanted
        os.dup2(nowhere.fileno(), 2)


def _keep_freed_memory() -> None:
    """Let the C library keep the memory of one picture for the next, where it is glibc.

    By default each picture's buffer is given back to the kernel and its pages are cleared anew: 5 of 28 ms of
    processor time a picture (5 MP on average).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the most it takes
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)


def _answer(pipe: Connection, encoded_file: int, decode: DecodeFunction, *, limits: PictureLimits) -> None:
    try:
        picture = decode(_take(encoded_file), limits)
    except VeilgateError as error:
        _send_json(pipe, {"code": error.code, "message": error.message})
        return
    except MemoryError:
        _send_json(pipe, {"code": UndecodablePicture.code, "message": "The picture needs too much memory."})
        return
    answer = {"width": picture.width, "height": picture.height, "format": picture.format.value}
    _send_json(pipe, {**answer, "has_alpha": picture.alpha is not None, "dpi": picture.dpi})
    pixel_file = reduction.recv_handle(pipe)
    try:
        os.lseek(pixel_file, 0, os.SEEK_SET)
        write_all(pixel_file, [plane.data for plane in (picture.pixels, picture.alpha) if plane is not None])
    finally:
        os.close(pixel_file)
    pipe.send_bytes(WRITTEN)


def _take(file: int) -> bytes:
    data = read_all(file)
    os.close(file)
    return data


def _send_json(pipe: Connection, answer: dict[str, object]) -> None:
    pipe.send_bytes(json.dumps(answer).encode())
