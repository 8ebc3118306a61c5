"""What the house asks of an object store."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class ObjectStore(Protocol):
    """Immutable objects by key. Every write is durable when the call returns.

    Missing objects raise `FileNotFoundError`; a store that cannot be reached raises
    `ObjectStoreUnavailable`, one that is full `DiskFull`.
    """

    def put(self, key: str, data: bytes, *, media_type: str) -> None: ...

    def put_file(self, key: str, path: Path, *, media_type: str, sha256: str) -> None:
        """Take over the finished file at `path`, which is gone afterwards."""
        ...

    def get(self, key: str) -> bytes: ...

    def open_chunks(self, key: str) -> tuple[int, Generator[bytes]]:
        """Size and content, for handing on without holding it all; closed by who stops before its end."""
        ...

    def open_range(self, key: str, first: int, last: int) -> Generator[bytes]:
        """The bytes from the first to the last, which must be there; closed by who stops before their end."""
        ...

    def size_bytes(self, key: str) -> int: ...

    def delete(self, keys: list[str]) -> None:
        """Delete what is there; a missing object is no error."""
        ...

    def erase(self, names: Sequence[str]) -> None:
        """Delete these objects, and all below those names that end with a slash, in every version that the
        store has kept: nobody can bring them back."""
        ...

    def traces(self, name: str) -> Iterator[str]:
        """The keys of which the store has any version, even one that is hidden: this one, or all below it if
        it ends with a slash."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin so."""
        ...

    def uri(self, key: str) -> str:
        """The name that results carry: `file://…` or `s3://bucket/key`."""
        ...

    def check(self) -> None:
        """Raise when the store cannot be written to."""
        ...

    def remove_unfinished(self, *, older_than_s: float) -> int:
        """Remove what writers that died have left half written; returns how many."""
        ...


@dataclass(frozen=True, slots=True)
class SignedPut:
    """Where a caller may put one object, with these headers, without any key of ours, for a while."""

    url: str
    headers: Mapping[str, str]


class SigningStore(ObjectStore, Protocol):
    """An object store that callers can reach themselves, at addresses that work for `signed_url_s`."""

    @property
    def signed_url_s(self) -> int: ...

    def sign_get(self, key: str, *, media_type: str, disposition: str, works_s: int | None = None) -> str:
        """An address that hands out the object with this Content-Type and Content-Disposition. `works_s` goes
        before `signed_url_s`."""
        ...

    def sign_put(self, key: str, *, size_bytes: int, sha256: str) -> SignedPut:
        """An address that takes exactly these bytes, as far as the store checks that itself."""
        ...
