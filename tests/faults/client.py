"""Clients of a rig: what they send, and what they were told."""

import io
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import numpy as np
from PIL import Image

_SIZE_WH = (160, 120)
_LONGEST_PAUSE_S = 1.0
# Nothing here speaks TLS. Reading whom to trust would take 23 ms for each request.
_TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
BASES = 4


def base_picture(number: int) -> bytes:
    """A JPEG with grain and one magenta area, which the stand-in model takes for a face."""
    pixels = np.random.default_rng(number).integers(0, 120, (_SIZE_WH[1], _SIZE_WH[0], 3), np.uint8)
    pixels[30:70, 20 + 20 * number : 60 + 20 * number] = (255, 0, 255)
    spool = io.BytesIO()
    Image.fromarray(pixels).save(spool, "JPEG", quality=90)
    return spool.getvalue()


_BASE_BYTES = tuple(base_picture(number) for number in range(BASES))


@dataclass(frozen=True, slots=True)
class Photo:
    """A file like no other that looks as its base: decoders ignore bytes behind a JPEG's end."""

    number: int

    @property
    def base(self) -> int:
        return self.number % BASES

    @property
    def filename(self) -> str:
        return f"photo-{self.number}.jpg"

    @property
    def data(self) -> bytes:
        return _BASE_BYTES[self.base] + self.number.to_bytes(8, "big")


@dataclass
class Told:
    """What clients know: jobs by id with their photos, and photos that got no answer."""

    accepted: dict[str, Photo] = field(default_factory=dict)
    unanswered: list[Photo] = field(default_factory=list)
    refused: list[Photo] = field(default_factory=list)
    mixed: list[Photo] = field(default_factory=list)  # told the job of another photo
    tries_in_vain: int = 0  # each may have left an original without a row


class Clients:
    """Sends photos to one gateway. Safe to use from several threads."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._numbers = count()
        self._lock = threading.Lock()
        self.told = Told()
        self.tries = 0

    def forget(self) -> None:
        """A new cell begins; photos stay different from all before."""
        self.told, self.tries = Told(), 0

    def photo(self) -> Photo:
        with self._lock:
            return Photo(next(self._numbers))

    def send(
        self, photo: Photo, *, key: str | None = None, timeout_s: float = 20.0, **options: str
    ) -> httpx.Response | None:
        """One try. None when no answer came; every 202 is remembered."""
        with self._lock:
            self.tries += 1
        try:
            answer = httpx.post(
                f"{self._url}/upload",
                files={"file": (photo.filename, photo.data, "image/jpeg")},
                data=options,
                headers={"Idempotency-Key": key} if key else {},
                timeout=timeout_s,
                trust_env=False,
                verify=_TRUSTS_NOBODY,
            )
        except httpx.TransportError:
            self.note_unanswered(photo)
            return None
        with self._lock:
            if answer.status_code == httpx.codes.ACCEPTED:
                if self.told.accepted.setdefault(answer.json()["job_id"], photo) != photo:
                    self.told.mixed.append(photo)
            else:
                self.told.refused.append(photo)
                self.told.tries_in_vain += 1
        return answer

    def note_unanswered(self, photo: Photo) -> None:
        with self._lock:
            self.told.unanswered.append(photo)
            self.told.tries_in_vain += 1

    def upload(self, **options: Any) -> str:
        """A photo that must be taken at once; the job's id."""
        answer = self.send(self.photo(), **options)
        assert answer is not None, "no answer"
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["job_id"])

    def upload_many(self, how_many: int, **options: Any) -> list[str]:
        return [self.upload(**options) for _ in range(how_many)]

    def insist(self, photo: Photo | None = None, *, timeout_s: float = 60.0) -> str:
        """What a careful client does: the same key again until there is an answer; the job's id."""
        photo, key = photo or self.photo(), str(uuid.uuid4())
        deadline_s, pause_s = time.monotonic() + timeout_s, 0.1
        while True:
            answer = self.send(photo, key=key)
            if answer is not None and answer.status_code == httpx.codes.ACCEPTED:
                with self._lock:  # the tries before it are answered now
                    self.told.unanswered = [one for one in self.told.unanswered if one != photo]
                    self.told.refused = [one for one in self.told.refused if one != photo]
                return str(answer.json()["job_id"])
            assert answer is None or answer.status_code in {429, 503, 507}, answer.text
            last = answer.text if answer else "no answer"
            assert time.monotonic() < deadline_s, f"{photo} was not taken in {timeout_s:g} s: {last}"
            time.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    @contextmanager
    def insist_side_by_side(self, how_many: int, *, clients: int = 4) -> Iterator[list[Future[str]]]:
        """Careful uploads while the block runs; it ends when all were taken, or raises what one raised."""
        with ThreadPoolExecutor(clients) as pool:
            uploads = [pool.submit(self.insist) for _ in range(how_many)]
            yield uploads
        for upload in uploads:
            upload.result()
