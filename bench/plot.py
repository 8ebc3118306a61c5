"""Draws the pictures of docs/benchmarks.md: `plot.py RESULTS FOLDER`, in the peers' environment."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_INK, _OURS, _PEER = "#1b2a3a", "#2f7d6d", "#b9c4cc"


def main(results_path: Path, folder: Path) -> None:
    results = json.loads(results_path.read_text())
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in _PARTS.items():
        if name in results:
            figure, axes = plt.subplots(figsize=(8, 4.2), dpi=110, layout="constrained")
            draw(axes, results[name])
            figure.savefig(folder / f"{name}.png", metadata={"Software": None})
            plt.close(figure)


def _throughput(axes: plt.Axes, rows: list[dict]) -> None:
    rows = [row for row in rows[::-1] if row["key"]]  # without the shapes of pool that were not the best
    colours = [_OURS if row["key"].startswith("c") else _PEER for row in rows]
    bars = axes.barh([row["name"] for row in rows], [row["images_per_s"] for row in rows], color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set_xlabel("images a second (more is better)")
    axes.margins(x=0.12)


def _recall(axes: plt.Axes, recall: dict) -> None:
    edges = recall["height_edges_px"]
    middles = [(low * high) ** 0.5 for low, high in pairwise(edges)]
    sizes = [size for size in recall["sizes"] if size["name"] == str(size["size_px"])]
    for index, size in enumerate(sizes):
        shares = [100 * hits / faces if faces else float("nan") for hits, faces in size["by_height"]]
        colour = plt.cm.viridis(index / len(sizes))
        axes.plot(middles, shares, marker="o", markersize=4, color=colour, label=f"{size['size_px']} px")
    axes.set_xscale("log")
    axes.set_xticks(edges, [str(edge) for edge in edges])
    axes.minorticks_off()
    axes.set_xlabel("height of the face in the picture, pixels (synthetic composites, 1 to 12 MP)")
    axes.set_ylabel("recall, %")
    axes.set_ylim(0, 101)
    axes.legend(title="detector size", frameon=False)


def _memory(axes: plt.Axes, memory: dict) -> None:
    counts = [count for count, _ in memory["points"]]
    limits = {"images worker": (1200, _OURS), "gateway": (200, _INK)}
    for role, (limit_mb, colour) in limits.items():
        axes.plot(counts, [held[role] for _, held in memory["points"]], color=colour, label=role)
        axes.axhline(limit_mb, color=colour, linestyle=":", linewidth=1)
    axes.set_ylim(0, 1300)
    axes.set_xlabel("uploads (dotted: the limits)")
    axes.set_ylabel("RSS, MB")
    axes.legend(frameon=False)


def _likeness(axes: plt.Axes, likeness: dict) -> None:
    middles = [(index + 0.5) / 100 for index in range(100)]
    shown = {
        "copies": (_OURS, "a copy and its original"),
        "foreign": (_INK, "a picture and the nearest foreign one"),
    }
    for key, (colour, label) in shown.items():
        counts = likeness["scores"][key]
        shares = [100 * count / sum(counts) for count in counts]
        axes.fill_between(middles, shares, step="mid", color=colour, alpha=0.6, label=label)
    threshold = likeness["threshold"]
    axes.axvline(threshold, color=_INK, linestyle=":", label=f"near-duplicate from {threshold} on")
    axes.set_xlim(0.2, 1)
    axes.set_xlabel("likeness (cosine)")
    axes.set_ylabel("% of pairs")
    axes.legend(frameon=False)


_PARTS = {"throughput": _throughput, "recall": _recall, "memory": _memory, "likeness": _likeness}

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
