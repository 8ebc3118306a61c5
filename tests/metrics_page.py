"""What a process shows Prometheus, as a test looks at it."""

import httpx

Numbers = dict[str, float]


def numbers_on(port: int) -> Numbers:
    """By series, as `veilgate_uploads_total{outcome="known"}`."""
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=10)
    assert answer.status_code == httpx.codes.OK, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}


class Growth:
    """What has grown since it was made, or since it was asked last, of the series with this beginning."""

    def __init__(self, port: int, beginning: str) -> None:
        self._port = port
        self._beginning = beginning
        self._before = self._now()

    def since(self) -> Numbers:
        """By what follows the beginning."""
        before, self._before = self._before, self._now()
        grown = {series: value - before.get(series, 0) for series, value in self._before.items()}
        return {series: value for series, value in grown.items() if value}

    def _now(self) -> Numbers:
        cut = len(self._beginning)
        found = numbers_on(self._port).items()
        return {series[cut:]: value for series, value in found if series.startswith(self._beginning)}
