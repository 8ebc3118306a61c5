"""Models as an operator names them on the command line, of whatever kind.

What models run in is imported by those who run one: the list is asked for in gateways, too.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from config import Config
from veilgate.domain.errors import ConfigurationError, ModelMissing
from veilgate.inference.manifest import Manifest, ModelKind, ModelSpec
from veilgate.inference.model_files import locate
from veilgate.settings.checks import FaceTiling
from veilgate.wiring.resources import fetched_models_folder, models_manifest

if TYPE_CHECKING:
    from veilgate.services.evaluation.looking import Contestant


def open_contestant(config: Config, name: str) -> "Contestant":
    """A detector of the manifest, or of a file as VEHICLE_DETECTION_MODEL_PATH takes it, as a worker would
    run it for one picture at a time: on one thread. Raises `ModelMissing` and `ConfigurationError`."""
    manifest = models_manifest()
    kind = _kind_of(manifest, name)
    if kind is ModelKind.EMBEDDER:
        raise ConfigurationError(
            f"--model: {name} finds no boxes; `python -m bench --only likeness` measures embedders"
        )
    try:
        return _open(manifest.resolve(name, kind), config)
    except (ConfigurationError, ModelMissing) as error:
        raise type(error)(error.message.replace(kind.setting, "--model", 1)) from error


def known_models(config: Config) -> list[dict[str, str]]:
    """The lines of the manifest: id, kind, file (`here`, `missing` or `none needed`) and licence."""
    return [
        {"id": spec.id, "kind": spec.kind.value, "file": _file_of(spec, config), "licence": spec.licence}
        for spec in models_manifest().models
    ]


def _kind_of(manifest: Manifest, name: str) -> ModelKind:
    """A file is of the kind of the model that it is named like, else of vehicles."""
    names = {name, Path(name).name}
    kinds = (spec.kind for spec in manifest.models if names & {spec.id, spec.file_name})
    return next(kinds, ModelKind.VEHICLES)


def _open(spec: ModelSpec, config: Config) -> "Contestant":
    from veilgate.imaging.resample import use_calling_thread_only
    from veilgate.inference.models import DetectorOptions, load_model, offered_labels
    from veilgate.inference.tiling import TiledDetector
    from veilgate.services.evaluation.looking import Contestant

    use_calling_thread_only()
    is_of_faces = spec.kind is ModelKind.FACES
    sees = {"longest_side_px": config.models.face_detection_size} if is_of_faces else {}
    detector = load_model(spec, folder=fetched_models_folder(config), options=DetectorOptions(**sees))
    labels = offered_labels(spec, detector)
    if is_of_faces and config.models.face_tiling is FaceTiling.AUTO:
        detector = TiledDetector(detector)
    return Contestant(detector, labels)


def _file_of(spec: ModelSpec, config: Config) -> str:
    try:
        return "here" if locate(spec, folder=fetched_models_folder(config)) else "none needed"
    except ModelMissing:
        return "missing"
