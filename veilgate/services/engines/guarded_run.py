"""Runs a stage so that the fault of one picture, or of a chunk that is too large, stays with it."""

from collections.abc import Callable, Sequence

from veilgate.domain.errors import DeviceLost, StageFailed, VeilgateError
from veilgate.domain.outcomes import Outcome
from veilgate.inference.device_errors import is_device_lost, is_out_of_memory
from veilgate.stages.contract import BatchStage, PictureWork
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


def run_guarded(
    stage: BatchStage, works: Sequence[PictureWork], *, did_not_fit: Callable[[int], None]
) -> list[Outcome]:
    """Run a stage; if it raises, split the chunk until the guilty picture fails alone.

    `did_not_fit` hears of each chunk of that many pictures for which there was not memory enough. Raises
    `DeviceLost`: that is no picture's fault, and no other would fare better.
    """
    try:
        outcomes = stage.run(works)
        if len(outcomes) != len(works):
            raise StageFailed(f"{stage.name} gave {len(outcomes)} outcomes for {len(works)} pictures.")
    except Exception as error:
        if is_device_lost(error):
            raise DeviceLost(f"{stage.name}: {_first_line(error)}") from error
        if len(works) == 1:
            return [Outcome.failed(as_ours(error, stage.name))]
        if is_out_of_memory(error):
            did_not_fit(len(works))
        middle = len(works) // 2
        return [
            *run_guarded(stage, works[:middle], did_not_fit=did_not_fit),
            *run_guarded(stage, works[middle:], did_not_fit=did_not_fit),
        ]
    return outcomes


def as_ours(error: Exception, stage_name: str) -> VeilgateError:
    """The error as callers may read it: that of a library is logged, and is worth another try."""
    if isinstance(error, VeilgateError):
        return error
    if is_out_of_memory(error):
        _log.warning("stage.out_of_memory", stage=stage_name, reason=_first_line(error))
        return StageFailed(f"{stage_name} ran out of memory with this picture alone.")
    _log.exception("stage.raised", stage=stage_name, exc_info=error)
    return StageFailed(f"{stage_name} raised {type(error).__name__}.")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
