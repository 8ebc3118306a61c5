"""What detectors found on one picture, as products that later stages ask for by type."""

from dataclasses import dataclass

from veilgate.domain.detections import Detection


@dataclass(frozen=True, slots=True)
class Faces:
    """What is to be veiled, whatever its class is called."""

    detections: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class Vehicles:
    detections: tuple[Detection, ...]
