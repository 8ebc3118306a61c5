"""Embeds the veiled picture, so that its likes are found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """What a model makes of the mosaic-veiled picture: float32, little-endian, of length one. Without a
    vector the model cannot embed this picture, for the reason given."""

    model_id: str
    picture_sha256: str
    vector: bytes | None
    failure: str | None = None
