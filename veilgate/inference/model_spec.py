"""What is known about a model before its file is opened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.embedding_spec import EmbeddingSpec


class ModelKind(StrEnum):
    FACES = "faces"
    VEHICLES = "vehicles"
    EMBEDDER = "embedder"

    @property
    def setting(self) -> str:
        """The name of the setting that chooses the model of this kind."""
        return _SETTINGS[self]

    @property
    def noun(self) -> str:
        """With its article."""
        return f"an {self}" if self is ModelKind.EMBEDDER else f"a {self}"

    def wrong(self, what: str) -> ConfigurationError:
        """An error that names the setting."""
        return ConfigurationError(f"{self.setting}: {what}")


_SETTINGS = {
    ModelKind.FACES: "FACE_DETECTION_MODEL_PATH",
    ModelKind.VEHICLES: "VEHICLE_DETECTION_MODEL_PATH",
    ModelKind.EMBEDDER: "EMBEDDING_MODEL_PATH",
}


class Adapter(StrEnum):
    """The code that speaks a model's language."""

    CENTERFACE = "centerface"
    FASTESTDET = "fastestdet"
    VEILGATE = "veilgate"
    YOLO = "yolo"
    ULTRALYTICS_PT = "ultralytics_pt"
    FAKE = "fake"
    DESCRIPTOR = "descriptor"
    ONNX = "onnx"
    TORCHVISION = "torchvision"
    CLIP = "clip"

    @property
    def embeds(self) -> bool:
        """Whether it makes vectors; the others find boxes."""
        return self in {Adapter.DESCRIPTOR, Adapter.ONNX, Adapter.TORCHVISION, Adapter.CLIP}

    @property
    def suffix(self) -> str | None:
        """How the name of a model's file ends, in lower case; None for a model without a file."""
        if self in {Adapter.FAKE, Adapter.DESCRIPTOR}:
            return None
        return {Adapter.ULTRALYTICS_PT: ".pt", Adapter.TORCHVISION: ".pth"}.get(self, ".onnx")


class ClassAction(StrEnum):
    VEIL = "veil"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file inside an installed Python package."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be fetched once."""

    url: str

    @property
    def file_name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that a setting named, or a line of the manifest."""

    path: Path


Source = PackageFile | Download | LocalFile | None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One line of the manifest, or a file that a setting names.

    `sha256` is None only for a model without a file; of an embedder that is fetched it may be the beginning
    that its publisher gives. `classes` is empty for a file of the user's own, which says itself what it
    finds. `labels` are the names of its classes by index, where the file has none. `default_threshold` is
    the score from which a detector's finds count, and an embedder's pictures are near-duplicates.
    """

    id: str
    kind: ModelKind
    adapter: Adapter
    source: Source
    sha256: str | None
    size_bytes: int | None
    licence: str
    default_threshold: float
    classes: Mapping[str, ClassAction]
    labels: tuple[str, ...] = ()
    delay_s: float = 0.0
    embedding: EmbeddingSpec = field(default_factory=EmbeddingSpec)

    @property
    def file_name(self) -> str | None:
        match self.source:
            case PackageFile(path=path):
                return Path(path).name
            case Download() as download:
                return download.file_name
            case LocalFile(path=local):
                return local.name
            case None:
                return None

    def is_of(self, sha256: str) -> bool:
        """Whether a file with this sha256 is the one meant."""
        return self.sha256 is not None and sha256.startswith(self.sha256)

    def wrong(self, what: str) -> ConfigurationError:
        """An error that names the setting and the file."""
        return self.kind.wrong(f"{self.file_name or self.id} {what}")
