"""How fast jobs have been ending of late."""

from collections import deque

# Long enough that a few slow pictures do not look like a standstill, short enough to be of late.
_WINDOW_S = 120.0
# Watched for less, nothing can be said: one picture may take as long.
_WATCHED_ENOUGH_S = 10.0


class Pace:
    """Jobs ended per second, from readings of how many have ended so far.

    Ended ones are counted by the database's totals, so that every gateway knows what all workers did. What
    waits would be no measure: it mixes those who left with those who came.
    """

    def __init__(self) -> None:
        self._readings: deque[tuple[float, int]] = deque()

    def note(self, ended: int, *, at_s: float) -> None:
        """One more reading; `at_s` is of a clock that only goes forward."""
        self._readings.append((at_s, ended))
        while at_s - self._readings[0][0] > _WINDOW_S:
            self._readings.popleft()

    def forget(self) -> None:
        """Nobody waits: what did not end now says nothing of how fast it could have."""
        self._readings.clear()

    @property
    def watched_s(self) -> float:
        return self._readings[-1][0] - self._readings[0][0] if self._readings else 0.0

    @property
    def per_s(self) -> float | None:
        """None when that cannot be told yet; 0 is a standstill. A retry takes an end back, hence no less."""
        if self.watched_s < _WATCHED_ENOUGH_S:
            return None
        return max(self._readings[-1][1] - self._readings[0][1], 0) / self.watched_s
