"""What a checkpoint's pickle may name, and what it gets when it does.

Even a class of ours to build could do harm: `DetectionModel(…)` evaluates texts of its configuration. So a
pickle never reaches a constructor. Layers come out blank, to be filled with the state that follows; whatever
else a training run leaves in a checkpoint comes out as something inert.
"""

import importlib
import pickle
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import torch

# A name, or with a full stop at the end everything below it.
_LAYERS = (
    "torch.nn.modules.",
    "ultralytics.nn.modules.",
    "ultralytics.nn.tasks.",
)
# Settings, metrics and losses of the training: nothing of it is read.
_INERT = (
    "argparse.Namespace",
    "datetime.date",
    "datetime.datetime",
    "numpy._core.multiarray.",
    "numpy.core.multiarray.",
    "numpy.dtype",
    "numpy.dtypes.",
    "numpy.ndarray",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "pathlib._local.",
    "types.SimpleNamespace",
    "ultralytics.utils.IterableSimpleNamespace",
    "ultralytics.utils.loss.",
    "ultralytics.utils.tal.",
    "ultralytics.yolo.utils.IterableSimpleNamespace",
    "ultralytics.yolo.utils.loss.",
    "ultralytics.yolo.utils.tal.",
)
# Classes that Ultralytics has renamed since.
_RENAMED = {
    "ultralytics.nn.modules.block.Silence": "torch.nn.modules.linear.Identity",
    "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
}

SafeGlobal = tuple[Callable[..., Any], str]


class RefusedGlobal(ValueError):
    """The pickle names something that it may not have; the text is that name."""


class Inert:
    """Takes the place of anything that is not read: whatever is done to it, it does nothing."""

    def __init__(self, *_arguments: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass


def safe_globals(names: Iterable[str]) -> list[SafeGlobal]:
    """What `torch.serialization.safe_globals` is to hold for a pickle with these names.

    Raises `RefusedGlobal`.
    """
    granted: list[SafeGlobal] = []
    for name in sorted(names):
        if name == "builtins.getattr":
            granted.append((_method_of_layer, name))
        elif _is_below(name, _INERT):
            granted.append((Inert, name))
        else:
            granted += _granted_layer(name)
    return granted


def _granted_layer(name: str) -> list[SafeGlobal]:
    layer = _layer(name)

    class Blank:
        """Called or made new, it gives a layer without state, so that no constructor ever runs."""

        def __new__(cls, *_arguments: object) -> Any:
            return object.__new__(layer)

    # torch fills only what is of a safe class, so that the class is one too, by a name that no file can know.
    return [(Blank, name), (layer, secrets.token_hex(16))]


def _layer(name: str) -> type:
    """The class of layers by that name; imports only what is on the list."""
    if not _is_below(name, _LAYERS):
        raise RefusedGlobal(name)
    module, _, attribute = _RENAMED.get(name, name).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        found = None
    if not isinstance(found, type) or not issubclass(found, torch.nn.Module):
        raise RefusedGlobal(name)
    return found


def _is_below(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name.startswith(entry) if entry.endswith(".") else name == entry for entry in allowed)


def _method_of_layer(layer: object, name: object) -> Any:
    """Stands in for `getattr`, which some versions pickled to say which forward a layer uses."""
    if isinstance(layer, torch.nn.Module) and name in {"forward", "forward_fuse"}:
        return getattr(layer, str(name))
    raise pickle.UnpicklingError(f"getattr of {name!r}")
