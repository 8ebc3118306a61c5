"""What requests may carry, as /docs shows it: options have the same names in forms and in JSON."""

from typing import Any

from veilgate.domain.fetch_targets import LONGEST_URL
from veilgate.domain.jobs import Lane
from veilgate.domain.redaction import (
    LARGEST_REGION_COUNT,
    MASK_SCALE_RANGE,
    THRESHOLD_RANGE,
    BlurStyle,
    MaskShape,
    MetadataPolicy,
)


def _choice(kind: type[BlurStyle] | type[MaskShape] | type[MetadataPolicy] | type[Lane], text: str) -> Any:
    return {"type": "string", "enum": [str(one) for one in kind], "description": text}


def _number(low: float, high: float, text: str) -> Any:
    return {"type": "number", "minimum": low, "maximum": high, "description": text}


def _regions(text: str) -> Any:
    box = {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 4, "maxItems": 4}
    return {"type": "array", "items": box, "maxItems": LARGEST_REGION_COUNT, "description": text}


OPTIONS: dict[str, Any] = {
    "blur_style": _choice(BlurStyle, "How veiled regions look."),
    "mask_shape": _choice(MaskShape, "The ellipse is drawn around the box, so it covers more."),
    "mask_scale": _number(*MASK_SCALE_RANGE, "How far the veil reaches beyond what was found."),
    "blur_targets": {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "description": "Classes to veil, of those that this house offers; in a form, with commas between.",
    },
    "face_threshold": _number(*THRESHOLD_RANGE, "Lowest score that counts as a face."),
    "vehicle_threshold": _number(*THRESHOLD_RANGE, "Lowest score that counts as a vehicle."),
    "keep_regions": _regions(
        "Boxes [x1, y1, x2, y2] in pixels of the upright picture: what lies in one stays."
    ),
    "extra_regions": _regions("Boxes to be veiled whatever is found there; they win over keep_regions."),
    "min_box_fraction": _number(0, 1, "Smaller finds stay: longer side of the box / of the picture."),
    "max_box_fraction": _number(0, 1, "Larger finds stay: longer side of the box / of the picture."),
    "metadata": _choice(MetadataPolicy, "`safe` keeps print resolution and says that colours are sRGB."),
    "verify": {"type": "boolean", "description": "Look again at the veiled picture; veil what is found."},
    "lookups": {
        "type": "boolean",
        "description": "Look up on the web what the veiled picture shows; only that picture is sent.",
    },
    "priority": _choice(Lane, "Which line the job waits in."),
}

IMAGE_URL: dict[str, Any] = {
    "type": "string",
    "format": "uri",
    "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
    "maxLength": LONGEST_URL,
    "description": "Where the picture is: a public machine, by http or https and their usual ports.",
}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same request gives the same answer, however often it is sent.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def _in_query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Regions are JSON there, as in a form; names have commas between them."""
    if "items" in schema and "items" in schema["items"]:
        return {"name": name, "in": "query", "content": {"application/json": {"schema": schema}}}
    return {"name": name, "in": "query", "schema": schema, "style": "form", "explode": False}


OPTIONS_IN_QUERY = [_in_query(name, schema) for name, schema in OPTIONS.items()]
