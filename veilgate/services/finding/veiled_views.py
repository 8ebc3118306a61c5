"""The views that likeness is measured by, made again from stored copies instead of from decoded originals."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box
from veilgate.domain.errors import DecoderCrashed, PictureFailed, UndecodablePicture
from veilgate.domain.pictures import PictureFormat
from veilgate.domain.redaction import BlurStyle, MaskShape, RedactionPolicy
from veilgate.imaging.likeness import likeness_view
from veilgate.imaging.picture import Picture
from veilgate.imaging.redact import veil_into
from veilgate.persistence.embedding_gaps import ShownResult
from veilgate.storage.keys import processed_key
from veilgate.storage.ports import ObjectStore

# Boxes of results are padded already.
_MOSAIC = RedactionPolicy(style=BlurStyle.MOSAIC, mask_scale=1.0)


class VeiledViews:
    """`decode` as that of a `DecodePool`."""

    def __init__(self, store: ObjectStore, decode: Callable[[bytes], Picture]) -> None:
        self._store = store
        self._decode = decode

    def check(self, error: Exception) -> None:
        """Raises unless this error of `view_of` may be of that one image: the object store answers."""
        if not isinstance(error, PictureFailed):
            self._store.check()

    def view_of(self, shown: ShownResult) -> NDArray[np.uint8]:
        """Raises `PictureFailed` when there will never be one."""
        suffix = PictureFormat(shown.format).served_as.suffix
        try:
            data = self._store.get(processed_key(shown.result_key, suffix))
        except FileNotFoundError as error:
            raise UndecodablePicture("The veiled copy is not in the object store.") from error
        try:
            picture = self._decode(data)
        except DecoderCrashed:  # or somebody else took the memory
            picture = self._decode(data)
        blur = json.loads(shown.results)["blur_metadata"]
        if blur["style"] != BlurStyle.MOSAIC:
            _put_mosaic(picture, blur)
        return likeness_view(picture.pixels, alpha=picture.alpha)


def _put_mosaic(picture: Picture, blur: Mapping[str, Any]) -> None:
    """Over the veils of another style, as far as those tell colours: what is found does not depend on it."""
    second = blur.get("verify") or {}
    found = [*blur["regions"], *second.get("missed_before", ())]
    policy = replace(_MOSAIC, shape=MaskShape(blur["shape"]))
    veil_into(picture.pixels, [Box(*one) for one in found], policy, alpha=picture.alpha)
    drawn = [Box(*one) for one in blur.get("extra_regions", ())]
    veil_into(picture.pixels, drawn, replace(policy, shape=MaskShape.BOX), alpha=picture.alpha)
