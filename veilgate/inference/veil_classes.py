"""Which classes of a face model are veiled: the one place where that is decided."""

from collections.abc import Sequence

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.model_spec import ClassAction, ModelSpec

# What is veiled of a file of the user's own when BLUR_TARGETS says nothing.
OWN_FILE_TARGETS = ("face",)
_LISTED = 20


def names_in(blur_targets: str) -> tuple[str, ...]:
    """The names in the setting BLUR_TARGETS, each once; none when it is empty."""
    parts = [part.strip() for part in blur_targets.split(",")] if blur_targets.strip() else []
    if not all(parts):
        raise ConfigurationError("BLUR_TARGETS: there is a comma too many")
    return tuple(dict.fromkeys(parts))


def wanted_targets(spec: ModelSpec, blur_targets: str) -> tuple[str, ...]:
    """What is to be veiled, as far as it is known without the model's file."""
    if asked := names_in(blur_targets):
        return asked
    if not spec.classes:
        return OWN_FILE_TARGETS
    return tuple(label for label, action in spec.classes.items() if action is ClassAction.VEIL)


def veiled_labels(spec: ModelSpec, blur_targets: str, *, offered: Sequence[str]) -> tuple[str, ...]:
    """What is veiled of the classes that the face model offers; the rest is reported.

    Raises `ConfigurationError`, naming BLUR_TARGETS, when a name is not offered or nothing would be veiled.
    """
    targets = wanted_targets(spec, blur_targets)
    model = spec.file_name or spec.id
    if not targets:
        raise ConfigurationError(
            f"BLUR_TARGETS: {model} has no class marked veil; name some of: {listed(offered)}"
        )
    for name in targets:
        if name not in offered:
            means = "it names" if names_in(blur_targets) else "empty means"
            raise ConfigurationError(
                f"BLUR_TARGETS: {means} {name!r}, and {model} has no such class{_hint(name, offered)}; "
                f"it has: {listed(offered)}"
            )
    return targets


def listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _hint(name: str, offered: Sequence[str]) -> str:
    alike = [one for one in offered if one.casefold() == name.casefold()]
    return f" (but {alike[0]!r})" if alike else ""
