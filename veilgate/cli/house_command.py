"""What all commands have in common that work with the house: how they begin, and how they end."""

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from veilgate.cli.console import complain
from veilgate.domain.errors import ConfigurationError, Unavailable
from veilgate.domain.rejections import InputRejected

if TYPE_CHECKING:
    from veilgate.cli.house import House

_MOST_LISTED = 10_000
_EXIT_INTERRUPTED = 130


def run_in_house(action: "Callable[[House], int]") -> int:
    """The exit code: the action's own, 1 when something is away or refused, 78 when a setting is wrong."""
    # Here, because `veilgate up` reads the modules of all commands and needs none of it.
    from veilgate.cli.house import House

    with ExitStack() as stack:
        try:
            house = House(stack)
            try:
                return action(house)
            except Unavailable as error:
                complain(house.blame(error))
                return 1
        except InputRejected as error:
            complain(error.message)
            return 1
        except ConfigurationError as error:
            complain(error.message)
            return os.EX_CONFIG
        except KeyboardInterrupt:
            return _EXIT_INTERRUPTED


def limit(text: str) -> int:
    """For argparse: how many are listed at most."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_LISTED:
        raise argparse.ArgumentTypeError(f"a number from 1 to {_MOST_LISTED}")
    return int(text)
