"""What gateway and search server say to each other: JSON, with vectors as base64 of float32, little-endian.

Loads no numpy: the gateway hands vectors through as bytes.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from veilgate.domain import errors, rejections
from veilgate.domain.errors import VeilgateError
from veilgate.domain.rejections import InvalidOption, MalformedRequest
from veilgate.domain.search import Exactness, Hit

MOST_HITS = 20_000
MOST_WORDS = 50
MODEL_MISMATCH = "model_mismatch"


class ModelMismatch(Exception):
    """A vector of another model than those that are held here: it never reaches an index."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """`among` of None asks among all of the owner's images."""

    model_id: str
    owner_id: str
    vector: bytes
    k: int
    among: Sequence[str] | None = None

    def to_json(self) -> bytes:
        return _dumped(
            {
                "model": self.model_id,
                "owner": self.owner_id,
                "vector": base64.b64encode(self.vector).decode(),
                "k": self.k,
                "among": None if self.among is None else list(self.among),
            }
        )

    @classmethod
    def from_json(cls, body: bytes) -> "SearchRequest":
        """Raises `MalformedRequest` or `InvalidOption`."""
        fields = fields_of(body)
        among = fields.get("among")
        request = cls(
            text_of(fields, "model"),
            text_of(fields, "owner"),
            vector_of(fields),
            fields.get("k", 0),
            None if among is None else texts_of(fields, "among"),
        )
        if type(request.k) is not int or not 1 <= request.k <= MOST_HITS:
            raise InvalidOption(f"k: a number from 1 to {MOST_HITS} is needed.")
        return request


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Best first. `candidates`: how many images could be hits; `seq`: how far the log was followed."""

    model_id: str
    hits: tuple[Hit, ...]
    exactness: Exactness
    candidates: int
    seq: int

    def to_json(self) -> bytes:
        return _dumped(
            {
                "model": self.model_id,
                "hits": [[hit.image_id, hit.score, hit.seq] for hit in self.hits],
                "exactness": self.exactness,
                "candidates": self.candidates,
                "seq": self.seq,
            }
        )

    @classmethod
    def from_json(cls, body: bytes) -> "SearchAnswer":
        fields = fields_of(body)
        hits = tuple(Hit(image_id, score, seq) for image_id, score, seq in fields["hits"])
        exactness = Exactness(fields["exactness"])
        return cls(fields["model"], hits, exactness, fields["candidates"], fields["seq"])


@dataclass(frozen=True, slots=True)
class EmbeddedQuery:
    """A picture or a text as the serving model sees it; of a text there is no digest."""

    model_id: str
    vector: bytes
    picture_sha256: str = ""

    def to_json(self) -> bytes:
        return _dumped(
            {
                "model": self.model_id,
                "dimensions": len(self.vector) // 4,
                "vector": base64.b64encode(self.vector).decode(),
                "picture_sha256": self.picture_sha256,
            }
        )

    @classmethod
    def from_json(cls, body: bytes) -> "EmbeddedQuery":
        fields = fields_of(body)
        return cls(fields["model"], vector_of(fields), fields["picture_sha256"])


@dataclass(frozen=True, slots=True)
class RelatedWords:
    """For each word the owner's terms that mean about the same, likest first, with their likeness. Without a
    words model `source` is None and there are none."""

    source: str | None
    by_word: Mapping[str, Sequence[tuple[str, float]]]

    def to_json(self) -> bytes:
        related = {word: [list(pair) for pair in pairs] for word, pairs in self.by_word.items()}
        return _dumped({"source": self.source, "related": related})

    @classmethod
    def from_json(cls, body: bytes) -> "RelatedWords":
        fields = fields_of(body)
        related = fields["related"].items()
        return cls(
            fields["source"],
            {word: tuple((term, score) for term, score in pairs) for word, pairs in related},
        )


def fields_of(body: bytes) -> dict[str, Any]:
    """Raises `MalformedRequest` unless the body is a JSON object."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("The body is not JSON.") from error
    if not isinstance(fields, dict):
        raise MalformedRequest("The body is not a JSON object.")
    return fields


def text_of(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidOption(f"{name}: a text is needed.")
    return value


def texts_of(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidOption(f"{name}: a list of texts is needed.")
    return tuple(value)


def vector_of(fields: Mapping[str, Any]) -> bytes:
    try:
        vector = base64.b64decode(text_of(fields, "vector"), validate=True)
    except binascii.Error as error:
        raise InvalidOption("vector: base64 is needed.") from error
    if not vector or len(vector) % 4:
        raise InvalidOption("vector: a whole number of float32 is needed.")
    return vector


def error_document(code: str, detail: str) -> bytes:
    return _dumped({"code": code, "detail": detail})


def error_of(body: bytes) -> VeilgateError:
    """What the search server refused with, as it was raised there."""
    try:
        fields = fields_of(body)
        code, detail = text_of(fields, "code"), text_of(fields, "detail")
    except rejections.InputRejected:
        return errors.SearchUnavailable("The search server gave an answer that cannot be read.")
    if code == MODEL_MISMATCH:
        return errors.IndexNotReady(detail)
    kind = _KINDS.get(code)
    return kind(detail) if kind else errors.SearchUnavailable(f"The search server says: {detail}")


def _dumped(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _kinds_below(kind: type[VeilgateError]) -> dict[str, type[VeilgateError]]:
    found = {kind.__dict__["code"]: kind} if "code" in kind.__dict__ else {}
    for below in kind.__subclasses__():
        found |= _kinds_below(below)
    return found


_KINDS = {
    code: kind
    for branch in (rejections.InputRejected, errors.PictureFailed, errors.IndexNotReady)
    for code, kind in _kinds_below(branch).items()
}
