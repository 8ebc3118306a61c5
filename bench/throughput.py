"""All contestants over the same photos, side by side."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench import gateway
from bench.detectors import DetectorPlan
from bench.gateway import GatewayRun
from bench.peers import deface_cli, pool, rq_simple
from bench.peers.deface_cli import Backends, DefaceRun
from bench.peers.pool import PoolShape
from bench.photos import Photo
from bench.tables import markdown_table, rate

# At 0.35 pictures a second, two of each size take a minute.
_FULL_SIZE_PHOTOS = 24
_PROBE_PHOTOS = 4
OURS = "c"


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    name: str
    images_per_s: float
    photos: int
    note: str


@dataclass(frozen=True, slots=True)
class Throughput:
    rows: list[Row]
    memory_rss_mb: dict[str, float]
    memory_pss_mb: dict[str, float]

    def as_rows(self) -> list[dict[str, Any]]:
        return [asdict(row) for row in self.rows]


def measure(photos: Sequence[Photo], plan: DetectorPlan, *, rounds: int, cores: int) -> Throughput:
    paths = [photo.path for photo in photos]
    # deface stretches to the size it is told; 4:3 has the pixels of most of our photos.
    scale_wh = (plan.face_size_px, plan.face_size_px * 3 // 4)
    scaled_deface = _choose_backend(photos, scale_wh)
    ours: list[GatewayRun] = []
    deface: list[DefaceRun] = []
    stock: list[float] = []
    bare: dict[PoolShape, list[float]] = {shape: [] for shape in pool.shapes(cores)}
    # Turn by turn, so that a slow minute of the machine does not fall on one of them alone.
    for number in range(rounds):
        _say(f"round {number + 1} of {rounds}: gateway, deface, stock RQ, bare work in {len(bare)} shapes")
        ours.append(gateway.measure(paths, plan))
        deface.append(deface_cli.measure(photos, backend=scaled_deface.backend, scale_wh=scale_wh))
        stock.append(
            rq_simple.measure(paths, face_size_px=plan.face_size_px, face_threshold=plan.face_threshold)
        )
        for shape, speeds in bare.items():
            speeds.append(pool.measure(paths, shape, plan))
    _say("gateway, one batch upload")
    batch = gateway.measure(paths, plan, batch=True)
    rows = [
        _full_size_row(photos[:_FULL_SIZE_PHOTOS]),
        _scaled_row(deface, scale_wh, scaled_deface),
        _stock_row(stock, len(paths)),
        _our_row(ours),
        Row("c2", "this gateway, one /batch-upload", batch.images_per_s, len(paths), "one run"),
        *_bare_rows(bare, len(paths)),
    ]
    return Throughput(
        rows, _peaks([run.peak_rss_mb for run in ours]), _peaks([run.peak_pss_mb for run in ours])
    )


def table(rows: Sequence[Row]) -> str:
    """With ratios to this gateway: above 1 it is the quicker one."""
    ours = next(row.images_per_s for row in rows if row.key == OURS)
    return markdown_table(
        ("", "what", "images/s", "gateway is × as fast", "photos", "notes"),
        [
            (
                row.key,
                row.name,
                rate(row.images_per_s),
                f"{ours / row.images_per_s:.2f}",
                str(row.photos),
                row.note,
            )
            for row in rows
        ],
    )


def verdicts(rows: Sequence[Row]) -> list[str]:
    """The goals, and whether they were met."""
    per_s = {row.key: row.images_per_s for row in rows}
    goals = (("d", "c / d", 0.75), ("a2", "c / deface at equal detector size", 1.5))
    lines = []
    for key, name, least in goals:
        ratio = per_s[OURS] / per_s[key]
        lines.append(f"{name} = {ratio:.2f}; goal at least {least}: {'met' if ratio >= least else 'MISSED'}")
    return lines


def _bare_rows(bare: dict[PoolShape, list[float]], photos: int) -> list[Row]:
    """The best shape is the bare work; the others are shown, so that anyone can see that it is."""
    best = max(bare, key=lambda shape: median(bare[shape]))
    rows = [Row("d", f"bare work: {best}", median(bare[best]), photos, f"rounds {_all(bare[best])}")]
    for shape, speeds in bare.items():
        if shape != best:
            rows.append(Row("", f"not as good: {shape}", median(speeds), photos, f"rounds {_all(speeds)}"))
    return rows


def _choose_backend(photos: Sequence[Photo], scale_wh: tuple[int, int] | None) -> Backends:
    few = photos[:_PROBE_PHOTOS]
    _say(f"deface's backends, {len(few)} photos each")
    return deface_cli.compare_backends(few, scale_wh=scale_wh)


def _full_size_row(photos: Sequence[Photo]) -> Row:
    backends = _choose_backend(photos, None)
    _say("deface at its defaults")
    run = deface_cli.measure(photos, backend=backends.backend, scale_wh=None)
    note = f"{rate(run.megapixels_per_s)} MP/s; {backends}"
    return Row("a1", "deface, its defaults (full size)", run.images_per_s, run.photos, note)


def _scaled_row(runs: Sequence[DefaceRun], scale_wh: tuple[int, int], backends: Backends) -> Row:
    speeds = [run.images_per_s for run in runs]
    name = f"deface --scale {scale_wh[0]}x{scale_wh[1]}"
    return Row("a2", name, median(speeds), runs[0].photos, f"rounds {_all(speeds)}; {backends}")


def _stock_row(speeds: Sequence[float], photos: int) -> Row:
    note = f"rounds {_all(speeds)}; one image a job, no thumbnails"
    return Row("b", "stock RQ SimpleWorker, OpenCV DNN", median(speeds), photos, note)


def _our_row(runs: Sequence[GatewayRun]) -> Row:
    speeds = [run.images_per_s for run in runs]
    uploaded_s = median(run.uploaded_s for run in runs)
    note = f"rounds {_all(speeds)}; last upload answered after {uploaded_s:.1f} s"
    return Row(OURS, "this gateway, single uploads", median(speeds), runs[0].photos, note)


def _all(speeds: Sequence[float]) -> str:
    return ", ".join(map(rate, speeds))


def _peaks(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {role: max(run.get(role, 0) for run in runs) for role in runs[0]}


def _say(text: str) -> None:
    print(f"  {text}", flush=True)
