"""Decoding in processes that may hang, crash or be killed without harm to the one that asked."""

import atexit
import multiprocessing
import queue

from veilgate.domain.errors import StageFailed
from veilgate.domain.pictures import PictureLimits
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.decode_child import DecodeFunction
from veilgate.imaging.decode_process import DecodeProcess
from veilgate.imaging.picture import Picture


class DecodePool:
    """A fixed number of decode processes, for any number of threads.

    They come from a forkserver, a process of its own that begins anew: neither threads nor models that are
    here are in them. A child is held to `timeout_s` and to `memory_bytes` of address space (which includes
    about 0.5 GB of libraries).
    """

    def __init__(
        self,
        children: int,
        *,
        limits: PictureLimits,
        timeout_s: float,
        memory_bytes: int,
        decode: DecodeFunction = decode_picture,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        # Children then begin with the codecs loaded: 10 ms each instead of 200.
        context.set_forkserver_preload(["veilgate.imaging.decode_child", "veilgate.imaging.decode"])
        self._processes = [
            DecodeProcess(context, decode, limits=limits, timeout_s=timeout_s, memory_bytes=memory_bytes)
            for _ in range(children)
        ]
        self._idle: queue.LifoQueue[DecodeProcess] = queue.LifoQueue()
        for process in self._processes:
            self._idle.put(process)
        self._is_closed = False

    def start(self) -> None:
        """Start every child, so that a machine on which none can start says so now (StageFailed)."""
        # The exit of multiprocessing waits for its children, and ours end only with us: close first.
        atexit.register(self.close)
        for process in self._processes:
            process.start()

    def decode(self, data: bytes) -> Picture:
        """Decode in the next free child; blocks until one is free. The arrays are writable.

        Raises UndecodablePicture and the like from the child; DecodeTimeout; DecoderCrashed; StageFailed
        if no child could be started or the pool is closed.
        """
        process = self._idle.get()
        try:
            if self._is_closed:
                raise StageFailed("The decoder is closed.")
            return process.decode(data)
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """End all children; decodes under way fail. May be called twice."""
        self._is_closed = True
        atexit.unregister(self.close)
        for process in self._processes:
            process.kill()
        # A process is ended by whoever holds it: its thread gives it back as soon as its decode fails.
        for process in [self._idle.get() for _ in self._processes]:
            process.end()
            self._idle.put(process)
