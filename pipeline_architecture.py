"""What happens to a picture: the first file to read.

                 ┌─ FindFaces ──┐                              ┌ StoreCopies
    DecodePicture┤              ├ BlurRegions ─ (VerifyVeil) ─ ┤
                 └ FindVehicles ┘                              └ EmbedPicture

What is looked up about what it shows, if that is asked for, stands in lookup_architecture.py.

Every stage is one file in veilgate/stages; a new one is a file there and a line here. Which worker serves
which kind of job, and on which lists jobs wait, stands in veilgate/domain/families.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from veilgate.imaging.picture import Picture
from veilgate.inference.ports import Detector, Embedder
from veilgate.stages.blur_regions import BlurRegions
from veilgate.stages.contract import BatchStage
from veilgate.stages.decode_picture import DecodePicture
from veilgate.stages.embed_picture import EmbedPicture, KnownVectors
from veilgate.stages.find_faces import FaceSearch, FindFaces
from veilgate.stages.find_vehicles import FindVehicles
from veilgate.stages.pipeline import Pipeline, begin, join
from veilgate.stages.store_copies import StoreCopies
from veilgate.stages.verify_veil import VerifyVeil
from veilgate.storage.ports import ObjectStore


@dataclass(frozen=True, slots=True)
class PictureParts:
    """What the picture pipeline is built from."""

    store: ObjectStore
    decode: Callable[[bytes], Picture]
    faces: Detector
    face_threshold: float
    veil_labels: frozenset[str]
    vehicles: Callable[[], Detector | None]
    vehicle_threshold: float | None  # None = the model's own
    embedder: Callable[[], Embedder | None]
    known_vectors: KnownVectors


def picture_pipeline(parts: PictureParts) -> Pipeline[BatchStage]:
    picture = begin(DecodePicture(parts.store, parts.decode), essential=True)
    search = FaceSearch(parts.faces, threshold=parts.face_threshold, veil_labels=parts.veil_labels)
    faces = picture.then(FindFaces(search), essential=True)
    vehicles = picture.then(FindVehicles(parts.vehicles, threshold=parts.vehicle_threshold))
    blurred = join(faces, vehicles).then(BlurRegions(), requires=faces, essential=True)
    verified = blurred.then(VerifyVeil(search), essential=True, when=lambda work: work.options.verify)
    # What hangs here sees the picture as it will be shown.
    veiled = join(blurred, verified)
    copies = veiled.then(StoreCopies(parts.store), essential=True)
    # What is not embedded here, the search server embeds later.
    embedded = veiled.then(EmbedPicture(parts.embedder, parts.known_vectors))
    return Pipeline(copies, embedded)
