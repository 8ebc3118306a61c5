"""How a training went, as a picture."""

import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot

_SMOOTHED_OVER = 25


def draw_curves(log: Path, picture: Path, *, left: Sequence[str], right: Sequence[str]) -> None:
    """Columns of a CSV file over its column `step`: losses on the left axis, smoothed; measures on the right,
    where a row may leave them empty."""
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure, losses = pyplot.subplots(figsize=(9, 4.5), dpi=110)
    measures = losses.twinx()
    for axes, names, style in ((losses, left, "-"), (measures, right, "o--")):
        for name in names:
            points = [(float(row["step"]), float(row[name])) for row in rows if row.get(name)]
            if not points:
                continue
            steps, values = np.array(points).T
            values = _smooth(values) if axes is losses else values
            colour = f"C{(*left, *right).index(name)}"
            axes.plot(steps, values, style, label=name, color=colour, markersize=3)
    losses.set_xlabel("step")
    losses.set_ylabel("loss")
    measures.set_ylabel("measured on the validation part")
    handles = [line for axes in (losses, measures) for line in axes.get_lines()]
    losses.legend(handles, [str(line.get_label()) for line in handles], loc="upper center", ncols=4)
    losses.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(picture)
    pyplot.close(figure)


def _smooth(values: np.ndarray) -> np.ndarray:
    window = min(_SMOOTHED_OVER, len(values))
    padded = np.pad(values, (window // 2, window - 1 - window // 2), mode="edge")
    return np.convolve(padded, np.ones(window) / window, mode="valid")
