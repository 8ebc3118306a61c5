"""What Prometheus is told of stages as they end: how long each step took, and how well chunks were filled."""

from collections.abc import Iterable, Sequence

from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.services.engines.device_line import Departure
from veilgate.stages.contract import BatchStage, RunsOn
from veilgate.stages.pipeline import Node
from veilgate.telemetry.metrics import CHUNK_PICTURES, CHUNKS_RELEASED, STAGE_SECONDS, from_zero

# The step that a stage is; one that is not named here is called as itself.
_STEP_OF = {
    "find_faces": "infer",
    "find_vehicles": "infer",
    "verify_veil": "infer",
    "blur_regions": "veil",
    "embed_picture": "embed",
}
# Each is two steps, and tells of them itself.
_MEASURED_INSIDE = {"decode_picture": ("fetch", "decode"), "store_copies": ("encode", "store")}


def show_stages(nodes: Iterable[Node[BatchStage]]) -> None:
    """Before the first picture."""
    nodes = tuple(nodes)
    on_device = [node.name for node in nodes if node.stage.runs_on is RunsOn.DEVICE]
    for node in nodes:
        from_zero(STAGE_SECONDS, _MEASURED_INSIDE.get(node.name, (_step_of(node.name),)))
    from_zero(CHUNK_PICTURES, on_device)
    from_zero(CHUNKS_RELEASED, on_device, Departure)


def count_chunk(
    stage: str, outcomes: Sequence[Outcome], *, took_s: float, departure: Departure | None
) -> None:
    """Of pictures that went through a stage together; `departure` where a device was waited for. What a stage
    had no model for was no run."""
    if all(outcome.kind is OutcomeKind.SKIPPED for outcome in outcomes):
        return
    if departure is not None:
        CHUNK_PICTURES.labels(stage).observe(len(outcomes))
        CHUNKS_RELEASED.labels(stage, departure).inc()
    if stage in _MEASURED_INSIDE:
        return
    step = STAGE_SECONDS.labels(_step_of(stage))
    for _ in outcomes:
        step.observe(took_s / len(outcomes))


def _step_of(stage: str) -> str:
    return _STEP_OF.get(stage, stage)
