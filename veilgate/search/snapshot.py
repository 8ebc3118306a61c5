"""What an index leaves on the disk: a manifest, and the files that it names."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from veilgate.search.merging import write_tail
from veilgate.search.segment import Segment, WrittenFile
from veilgate.search.segment_files import Damaged, read_segment, remove_files, sync_folder, write_file
from veilgate.search.view import View
from veilgate.telemetry.failpoints import failpoint

_FORMAT = 1
_MANIFEST = "manifest"
_NEW_MANIFEST = "manifest.new"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`tail` has the rows that were not sealed yet, as a segment that is written at every save."""

    seq: int
    segments: tuple[Segment, ...]
    tail: Segment | None


def write_snapshot(folder: Path, view: View, *, model_id: str, dimensions: int) -> Sequence[WrittenFile]:
    """A kill at any moment leaves the earlier snapshot, or this one. Answers with the files that have what is
    not sealed yet, which the next snapshot supersedes."""
    tail_name = f"tail-{uuid4().hex}"
    growing = any(tail.count for tail in view.tails)
    tail_files = write_tail(view.tails, folder, name=tail_name, version=view.version) if growing else ()
    failpoint("index_tail_written")
    described = {
        "format": _FORMAT,
        "model_id": model_id,
        "dimensions": dimensions,
        "seq": view.seq,
        "segments": [_describe(segment.name, segment.files, segment.dead_rows) for segment in view.segments],
        "tail": _describe(tail_name, tail_files, ()) if growing else None,
    }
    body = json.dumps(described).encode()
    digest = hashlib.sha256(body).hexdigest().encode()
    write_file(folder / _NEW_MANIFEST, [digest, b"\n", body])
    # The names of all files before the manifest that counts on them.
    sync_folder(folder)
    failpoint("index_before_rename")
    (folder / _NEW_MANIFEST).replace(folder / _MANIFEST)
    sync_folder(folder)
    failpoint("index_after_rename")
    return tail_files


def read_snapshot(folder: Path, *, model_id: str, dimensions: int) -> Snapshot | None:
    """None where there is none. Raises `Damaged` for whatever cannot be used, and says why."""
    try:
        described = _read_manifest(folder)
        if described is None:
            return None
        _check_kind(described, model_id=model_id, dimensions=dimensions)
        segments = tuple(_read(folder, each, dimensions) for each in described["segments"])
        tail = _read(folder, described["tail"], dimensions) if described["tail"] else None
        return Snapshot(described["seq"], segments, tail)
    except Damaged:
        raise
    except FileNotFoundError as error:
        raise Damaged(f"{Path(error.filename).name} is missing") from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise Damaged(f"it cannot be read: {error}") from error


def remove_unnamed(folder: Path, snapshot: Snapshot | None) -> None:
    """Remove the leavings of a kill; without a snapshot that can be used, everything."""
    named = {_MANIFEST} if snapshot else set()
    for part in (*snapshot.segments, snapshot.tail) if snapshot else ():
        named |= {file.name for file in part.files} if part else set()
    remove_files(folder, [path.name for path in folder.iterdir() if path.name not in named])


def _describe(name: str, files: Iterable[WrittenFile], dead_rows: Iterable[int]) -> dict[str, object]:
    return {"name": name, "files": [asdict(file) for file in files], "dead": list(dead_rows)}


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        digest, _, body = (folder / _MANIFEST).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise Damaged("the manifest is not what was written")
    described: dict[str, Any] = json.loads(body)
    return described


def _check_kind(described: Mapping[str, Any], *, model_id: str, dimensions: int) -> None:
    if described["format"] != _FORMAT:
        raise Damaged(f"it has format {described['format']}, not {_FORMAT}")
    if (described["model_id"], described["dimensions"]) != (model_id, dimensions):
        raise Damaged(
            f"it is of {described['model_id']} with {described['dimensions']} dimensions, "
            f"not {model_id} with {dimensions}"
        )


def _read(folder: Path, described: Mapping[str, Any], dimensions: int) -> Segment:
    files = {file["name"]: WrittenFile(**file) for file in described["files"]}
    segment = read_segment(folder, described["name"], files=files, dimensions=dimensions)
    for row in described["dead"]:
        segment.kill(row, version=0)
    return segment
