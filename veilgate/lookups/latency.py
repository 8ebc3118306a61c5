"""How long an account takes to answer, as its answers of late have it."""

import asyncio

_SHARE_OF_LATEST = 0.2
# A bad minute is forgotten: or it would be believed for ever, since nobody is asked who would be late.
_REMEMBERED_S = 60.0


class Latency:
    """On one event loop."""

    def __init__(self) -> None:
        self._usual_s: float | None = None
        self._noted_s = 0.0

    @property
    def usual_s(self) -> float | None:
        """None where nothing was answered in the last minute."""
        return self._usual_s if self._is_fresh() else None

    def note(self, took_s: float) -> None:
        """Something was answered after so long."""
        before_s = self.usual_s
        self._usual_s = took_s if before_s is None else before_s + _SHARE_OF_LATEST * (took_s - before_s)
        self._noted_s = self._now_s()

    def _is_fresh(self) -> bool:
        return self._usual_s is not None and self._now_s() - self._noted_s < _REMEMBERED_S

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
