"""Lengths of time as an operator writes and reads them: `90s`, `10m`, `2h`, `3d`."""

import argparse
import re

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGE = re.compile(r"([0-9]{1,6})([smhd])")


def parse_age_ms(text: str) -> int:
    """For argparse: `10m` in milliseconds."""
    found = _AGE.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"not an age: {text!r}; write 90s, 10m, 2h or 3d")
    return int(found[1]) * _UNITS_S[found[2]] * 1000


def age(seconds: float) -> str:
    """At most two units, the finest that still tell something: `3.2s`, `5m 12s`, `2d 4h`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600}h"
