"""The thread that seals full tails and merges segments while others write and search."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from veilgate.search.approximation import Stopped
from veilgate.search.merging import Effort, merge, parts_to_merge
from veilgate.search.segment import Segment
from veilgate.search.sizes import Sizes
from veilgate.search.view import Part, View
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)

# After a full disk, and the like: rows stay in memory and are found meanwhile.
_RETRY_S = 10.0


class Sealer:
    """`install` puts a segment in the place of the parts that were merged as of a view."""

    def __init__(
        self,
        folder: Path,
        *,
        current: Callable[[], View],
        install: Callable[[Sequence[Part], Segment, View], None],
        sizes: Sizes,
    ) -> None:
        self._folder = folder
        self._current = current
        self._install = install
        self._sizes = sizes
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index-sealer", daemon=True)

    def start(self) -> None:
        """Look now and then whether there is something to do."""
        if self._thread.ident is None:
            self._thread.start()

    def wake(self) -> None:
        """Look at once; does not wait for it."""
        self.start()
        self._wanted.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wanted.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wanted.wait(self._sizes.look_every_s)
            self._wanted.clear()
            try:
                self._seal_all()
            except Stopped:
                return
            except Exception:  # noqa: BLE001 - rows stay where they are, and the next try may do better
                _log.exception("index.seal_failed")
                self._stopping.wait(_RETRY_S)
                self._wanted.set()

    def _seal_all(self) -> None:
        # One thread, so that searches have the other cores.
        effort = Effort(
            threads=1,
            is_stopped=self._stopping.is_set,
            approximated_from=self._sizes.approximated_from,
        )
        while not self._stopping.is_set():
            view = self._current()
            parts = parts_to_merge(view)
            if not parts:
                return
            segment = merge(parts, self._folder, version=view.version, effort=effort)
            self._install(parts, segment, view)
