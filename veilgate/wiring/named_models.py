"""Models as an operator names them on the command line, of whatever kind."""

from pathlib import Path

from config import Config
from veilgate.domain.errors import ConfigurationError, ModelMissing
from veilgate.imaging.resample import use_calling_thread_only
from veilgate.inference.manifest import ModelKind, ModelSpec, read_manifest
from veilgate.inference.model_files import locate
from veilgate.inference.models import DetectorOptions, load_model, offered_labels
from veilgate.inference.tiling import TiledDetector
from veilgate.services.evaluation.looking import Contestant
from veilgate.settings.checks import FaceTiling
from veilgate.wiring.resources import models_folder


def open_contestant(config: Config, name: str) -> Contestant:
    """A detector of the manifest, or of a file as VEHICLE_DETECTION_MODEL_PATH takes it, as a worker would
    run it for one picture at a time: on one thread. Raises `ModelMissing` and `ConfigurationError`."""
    use_calling_thread_only()
    manifest = read_manifest(models_folder() / "manifest.toml")
    kind = next((spec.kind for spec in manifest.models if spec.id == name), ModelKind.VEHICLES)
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
    manifest = read_manifest(models_folder() / "manifest.toml")
    return [
        {"id": spec.id, "kind": spec.kind.value, "file": _file_of(spec, config), "licence": spec.licence}
        for spec in manifest.models
    ]


def _open(spec: ModelSpec, config: Config) -> Contestant:
    is_of_faces = spec.kind is ModelKind.FACES
    sees = {"longest_side_px": config.models.face_detection_size} if is_of_faces else {}
    detector = load_model(spec, folder=_fetched_folder(config), options=DetectorOptions(**sees))
    labels = offered_labels(spec, detector)
    if is_of_faces and config.models.face_tiling is FaceTiling.AUTO:
        detector = TiledDetector(detector)
    return Contestant(detector, labels)


def _file_of(spec: ModelSpec, config: Config) -> str:
    try:
        return "here" if locate(spec, folder=_fetched_folder(config)) else "none needed"
    except ModelMissing:
        return "missing"


def _fetched_folder(config: Config) -> Path:
    return config.storage.data_dir / "models"
