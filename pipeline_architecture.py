"""What happens to a picture: the first file to read.

                 ┌─ FindFaces ──┐
    DecodePicture┤              ├ BlurRegions ─ StoreCopies
                 └ FindVehicles ┘

Every stage is one file in veilgate/stages; a new one is a file there and a line here. Which worker serves
which kind of job, and on which lists jobs wait, stands in veilgate/domain/families.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from veilgate.imaging.picture import Picture
from veilgate.inference.ports import Detector
from veilgate.stages.blur_regions import BlurRegions
from veilgate.stages.decode_picture import DecodePicture
from veilgate.stages.find_faces import FindFaces
from veilgate.stages.find_vehicles import FindVehicles
from veilgate.stages.pipeline import Pipeline, begin, join
from veilgate.stages.store_copies import StoreCopies
from veilgate.storage.ports import ObjectStore


@dataclass(frozen=True, slots=True)
class PictureParts:
    """What the picture pipeline is built from."""

    store: ObjectStore
    decode: Callable[[bytes], Picture]
    faces: Detector
    face_threshold: float
    vehicles: Callable[[], Detector | None]
    vehicle_threshold: float


def picture_pipeline(parts: PictureParts) -> Pipeline:
    picture = begin(DecodePicture(parts.store, parts.decode), essential=True)
    faces = picture.then(FindFaces(parts.faces, threshold=parts.face_threshold), essential=True)
    vehicles = picture.then(FindVehicles(parts.vehicles, threshold=parts.vehicle_threshold))
    veiled = join(faces, vehicles).then(BlurRegions(), requires=faces, essential=True)
    copies = veiled.then(StoreCopies(parts.store), essential=True)
    return Pipeline(copies)
