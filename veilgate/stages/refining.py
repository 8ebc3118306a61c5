"""Asks the model that refines what others found; whatever it does, that is known all the same."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from veilgate.domain.errors import StageFailed, VeilgateError
from veilgate.domain.lookups import Bill
from veilgate.domain.provider_errors import LookupFailed, ProviderDown
from veilgate.lookups.running_bill import spent_so_far
from veilgate.stages.share_of_time import share_of_time_left
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# The rest is for the stage to say what it knows without the model.
_SHARE = 2 / 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unrefined:
    """Why the model said nothing, as a code, and what asking it came to."""

    code: str
    bill: Bill


async def ask_to_refine(answer: Awaitable[T]) -> T | Unrefined:
    """What the model answers within two thirds of the time that is left. Raises nothing."""
    try:
        async with share_of_time_left(_SHARE):
            return await answer
    except LookupFailed as error:
        return Unrefined(error.code, error.bill)
    except VeilgateError as error:
        return Unrefined(error.code, spent_so_far())
    except TimeoutError:
        return Unrefined(ProviderDown.code, spent_so_far())
    except Exception as error:  # noqa: BLE001 - it is not worth losing what is known
        _log.exception("refiner.raised", exc_info=error)
        return Unrefined(StageFailed.code, spent_so_far())
