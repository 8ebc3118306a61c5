"""One decode process, seen from the process that asks."""

import json
import os
from collections.abc import Iterator
from multiprocessing import reduction
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from veilgate.domain.errors import (
    DecoderCrashed,
    DecodeTimeout,
    StageFailed,
    UndecodablePicture,
    VeilgateError,
)
from veilgate.domain.pictures import PictureFormat, PictureLimits
from veilgate.imaging.decode_child import READY, WRITTEN, DecodeFunction, serve
from veilgate.imaging.picture import Picture
from veilgate.imaging.pixel_buffers import BufferShelf
from veilgate.imaging.resolution import sane_dpi
from veilgate.imaging.shared_file import open_anonymous_file, write_all

_START_TIMEOUT_S = 30.0
# Two pictures of 12 MP, or more smaller ones.
_MOST_IDLE_BYTES = 80_000_000
# What a pipe does, and what its bytes do when read, once the child at its other end died or talks nonsense.
_BROKEN_PIPE = (OSError, EOFError, RuntimeError, ValueError, KeyError)


class DecodeProcess:
    """A child that is started when first needed, and again after it had to be ended.

    It belongs to one thread at a time; only `kill` may be called by another.
    """

    def __init__(
        self,
        context: ForkServerContext,
        decode: DecodeFunction,
        *,
        limits: PictureLimits,
        timeout_s: float,
        memory_bytes: int,
    ) -> None:
        self._context = context
        self._decode = decode
        self._options = {"limits": limits, "timeout_s": timeout_s, "memory_bytes": memory_bytes}
        self._timeout_s = timeout_s
        self._max_pixels = limits.max_pixels
        self._shelf = BufferShelf(most_idle_bytes=_MOST_IDLE_BYTES)
        self._process: ForkServerProcess | None = None
        self._pipe: Connection | None = None

    def start(self) -> None:
        """Start the child unless there is one. Raises StageFailed if it does not become ready."""
        if self._process is not None:
            return
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=serve, args=(theirs, self._decode), kwargs=self._options, daemon=True
        )
        try:
            with theirs:
                self._process.start()
            if not self._pipe.poll(_START_TIMEOUT_S) or self._pipe.recv_bytes() != READY:
                raise EOFError
        except _BROKEN_PIPE as error:
            self.end()
            raise StageFailed("The decoder process could not be started.") from error

    def decode(self, data: bytes) -> Picture:
        """Have the child decode; a child that fails in any way but by saying so is ended."""
        self.start()
        try:
            answer = self._ask(data)
            if "code" not in answer:
                return self._receive_picture(answer)
        except DecodeTimeout:
            self.end()
            raise
        except _BROKEN_PIPE as error:
            self.end()
            raise DecoderCrashed from error
        raise _error_class(answer["code"])(answer["message"])

    def kill(self) -> None:
        """Send SIGKILL, so that a decode under way fails; `end` must follow."""
        process = self._process
        if process is not None and process.pid is not None:
            process.kill()

    def end(self) -> None:
        """Kill the child if there is one, and wait until it is gone."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None and self._process.pid is not None:
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None
        # Whatever ended the child, it may have kept a hand on its buffers: the next one gets new ones.
        self._shelf.close()
        self._shelf = BufferShelf(most_idle_bytes=_MOST_IDLE_BYTES)

    def _ask(self, data: bytes) -> dict[str, Any]:
        assert self._process is not None
        assert self._pipe is not None
        # A file, not the pipe itself: a child that does not read could block us there beyond its time.
        encoded_file = open_anonymous_file()
        try:
            write_all(encoded_file, [memoryview(data)])
            reduction.send_handle(self._pipe, encoded_file, self._process.pid)
        finally:
            os.close(encoded_file)
        self._await_child()
        answer: dict[str, Any] = json.loads(self._pipe.recv_bytes())
        return answer

    def _receive_picture(self, answer: dict[str, Any]) -> Picture:
        """Give the child a buffer to write its picture into."""
        assert self._process is not None
        assert self._pipe is not None
        width, height, has_alpha = int(answer["width"]), int(answer["height"]), bool(answer["has_alpha"])
        # A child that a hostile picture took over must not make us hold more than a picture may have.
        if width < 1 or height < 1 or width * height > self._max_pixels:
            raise ValueError("The child's answer is no picture's.")
        count = width * height
        size_bytes = count * (4 if has_alpha else 3)
        buffer = self._shelf.take(size_bytes)
        try:
            reduction.send_handle(self._pipe, buffer.file, self._process.pid)
            self._await_child()
            if self._pipe.recv_bytes() != WRITTEN:
                raise ValueError("The child did not write its pixels.")
        except BaseException:
            self._shelf.put_back(buffer)
            raise
        whole = self._shelf.lend(buffer, size_bytes)
        pixels = whole[: 3 * count].reshape(height, width, 3)
        alpha = whole[3 * count :].reshape(height, width) if has_alpha else None
        return Picture(pixels, alpha, PictureFormat(answer["format"]), dpi=sane_dpi(answer.get("dpi")))

    def _await_child(self) -> None:
        assert self._pipe is not None
        if not self._pipe.poll(self._timeout_s):
            raise DecodeTimeout(f"Decoding took more than {self._timeout_s:g} seconds and was ended.")


def _error_class(code: str) -> type[VeilgateError]:
    leaves = {leaf.code: leaf for leaf in _descendants(VeilgateError)}
    return leaves.get(code, UndecodablePicture)


def _descendants(parent: type[VeilgateError]) -> Iterator[type[VeilgateError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _descendants(child)
