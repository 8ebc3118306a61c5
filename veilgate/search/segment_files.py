"""A segment as files that are written once: its rows, its vectors, and its approximations."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veilgate.search.approximation import Approximation, approximation_from
from veilgate.search.identifiers import ID_BYTES, Ids
from veilgate.search.ports import Vector
from veilgate.search.segment import OwnerRange, Segment, WrittenFile

_READ_BYTES = 1 << 20


class Damaged(Exception):
    """A file of an index is not what was written."""


@dataclass(frozen=True, slots=True)
class OwnerBlock:
    """Where an owner's rows lie, and how hard to look for the likest in the approximation of them, if any."""

    owner_id: str
    start: int
    stop: int
    effort: int | None = None


def write_file(path: Path, chunks: Iterable[bytes | memoryview]) -> WrittenFile:
    """Durable when it returns, but for its name: see `sync_folder`."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return WrittenFile(path.name, digest.hexdigest())


def read_checked(folder: Path, file: WrittenFile) -> bytes:
    data = (folder / file.name).read_bytes()
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Damaged(f"{file.name} is not what was written")
    return data


def check(folder: Path, file: WrittenFile) -> None:
    with (folder / file.name).open("rb", buffering=0) as stream:
        digest = hashlib.file_digest(stream, "sha256")
    if digest.hexdigest() != file.sha256:
        raise Damaged(f"{file.name} is not what was written")


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_vectors(folder: Path, name: str, chunks: Iterable[Vector]) -> WrittenFile:
    return write_file(folder / f"{name}.vectors", (chunk.data.cast("B") for chunk in chunks))


def map_vectors(folder: Path, name: str, dimensions: int) -> Vector:
    path = folder / f"{name}.vectors"
    if path.stat().st_size == 0:
        return np.empty((0, dimensions), np.float32)
    # A plain array: slices of a memmap cost more than what is done with them.
    return np.asarray(np.memmap(path, np.float32, mode="r")).reshape(-1, dimensions)


def write_approximation(folder: Path, name: str, approximation: Approximation) -> WrittenFile:
    return write_file(folder / name, [approximation.as_bytes().data])


def write_rows(
    folder: Path, name: str, *, ids: Ids, seqs: NDArray[np.int64], owners: Iterable[OwnerBlock]
) -> WrittenFile:
    head = json.dumps({"count": len(seqs), "owners": [asdict(owner) for owner in owners]})
    return write_file(folder / f"{name}.rows", [f"{head}\n".encode(), ids.tobytes(), seqs.tobytes()])


def approximation_name(name: str, block_number: int) -> str:
    return f"{name}.{block_number}.approximation"


def read_segment(folder: Path, name: str, *, files: Mapping[str, WrittenFile], dimensions: int) -> Segment:
    """Raises `Damaged`, `OSError`, or what parsing raises: a file may be anything."""
    head, _, arrays = read_checked(folder, files[f"{name}.rows"]).partition(b"\n")
    described = json.loads(head)
    count = described["count"]
    blocks = [OwnerBlock(**block) for block in described["owners"]]
    check(folder, files[f"{name}.vectors"])
    vectors = map_vectors(folder, name, dimensions)
    if len(vectors) != count:
        raise Damaged(f"{name} has {len(vectors)} vectors for {count} rows")
    approximations = {
        block.owner_id: approximation_from(
            np.frombuffer(read_checked(folder, files[approximation_name(name, number)]), np.uint8),
            effort=block.effort,
        )
        for number, block in enumerate(blocks)
        if block.effort is not None
    }
    return Segment(
        name,
        ids=np.frombuffer(arrays[: count * ID_BYTES], np.uint8).reshape(-1, ID_BYTES),
        seqs=np.frombuffer(arrays[count * ID_BYTES :], np.int64),
        owners={block.owner_id: OwnerRange(block.start, block.stop) for block in blocks},
        vectors=vectors,
        approximations=approximations,
        files=tuple(files.values()),
    )


def remove_files(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        with suppress(FileNotFoundError):
            (folder / name).unlink()
