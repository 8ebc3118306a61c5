"""The keys that an identity provider publishes (a JWKS document), fetched when they are needed."""

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
K = TypeVar("K")
_FETCH_TIMEOUT_S = 5.0
# A key takes half a kilobyte, and providers publish a handful.
_LARGEST_DOCUMENT = 256 * 1024
_FRESH_S = 600.0
# A token may name any key: who makes such up must not make us fetch each time.
_PAUSE_S = 60.0
# While there are none at all, every token is refused.
_PAUSE_WITHOUT_KEYS_S = 10.0
_READ_BYTES = 1 << 16


class KeysNotFetched(Exception):
    """The text says why; it is for logs."""


class PublishedKeys(Generic[K]):
    """`read` makes the keys of the document's entries, by their ids. Those that were fetched last are kept
    while the provider is away."""

    def __init__(
        self,
        url: str,
        read: Callable[[list[Any]], Mapping[str, K]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._read = read
        self._clock = clock
        self._keys: Mapping[str, K] | None = None
        self._fetched_s = 0.0
        self._tried_s: float | None = None
        self._fetching = threading.Lock()

    def find(self, key_id: str) -> K | None:
        """The key with this id, asking the provider again when it is unknown or was fetched long ago. While
        somebody asks, the others go on with what is there."""
        if self._is_due(key_id) and self._fetching.acquire(timeout=self._patience_s()):
            try:
                if self._is_due(key_id):
                    self._fetch()
            finally:
                self._fetching.release()
        return (self._keys or {}).get(key_id)

    def _is_due(self, key_id: str) -> bool:
        if self._tried_s is None:
            return True
        now_s = self._clock()
        if self._keys is None:
            return now_s - self._tried_s >= _PAUSE_WITHOUT_KEYS_S
        is_wanted = key_id not in self._keys or now_s - self._fetched_s >= _FRESH_S
        return is_wanted and now_s - self._tried_s >= _PAUSE_S

    def _patience_s(self) -> float:
        """Only the very first fetch is waited for: a provider that hangs must not hold all our threads."""
        return _FETCH_TIMEOUT_S if self._tried_s is None else 0

    def _fetch(self) -> None:
        try:
            document = _document(_body(self._url))
        except KeysNotFetched as error:
            _log.warning("tokens.keys_not_fetched", reason=str(error))
        else:
            self._keys = self._read(document)
            self._fetched_s = self._clock()
            _log.info("tokens.keys_fetched", keys=len(self._keys))
        finally:
            self._tried_s = self._clock()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys are taken from where the operator says, and from nowhere else."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def _body(url: str) -> bytes:
    ends_at = time.monotonic() + _FETCH_TIMEOUT_S
    body = bytearray()
    try:
        opener = urllib.request.build_opener(_NoRedirects)
        # The settings admit http(s) only.
        with opener.open(url, timeout=_FETCH_TIMEOUT_S) as response:
            # read1 hands on what has come, so that a server that drips cannot outlast the deadline.
            while piece := response.read1(_READ_BYTES):
                body += piece
                if len(body) > _LARGEST_DOCUMENT:
                    raise KeysNotFetched(f"more than {_LARGEST_DOCUMENT} bytes came")
                if time.monotonic() > ends_at:
                    raise KeysNotFetched(f"it took over {_FETCH_TIMEOUT_S:g} s")
    except (OSError, http.client.HTTPException) as error:
        raise KeysNotFetched(str(error) or type(error).__name__) from error
    return bytes(body)


def _document(body: bytes) -> list[Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise KeysNotFetched("what came is no JSON") from error
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise KeysNotFetched("what came has no list of keys")
    return keys
