"""Erasing images: first every row, in one transaction, then every version of every file.

From the commit on the image is gone for everybody. Its tombstone says where files of it may lie: who dies
before they are deleted, or still works on the picture and stores a result that no row takes up, leaves them
to `sweep_due`, which looks there until nobody can write any more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from veilgate.domain.errors import ImageNotFound, VeilgateError
from veilgate.domain.ids import is_id
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.erase_repository import HeldImage
from veilgate.persistence.tombstone_repository import Tombstone
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.access.audit import Audit, AuditAction
from veilgate.services.images.object_pages import ask_of_each
from veilgate.storage.keys import announced_key, job_prefix
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# Whoever erases deletes the files at once; after this it is taken for dead.
_FIRST_LOOK_MS = 5_000
# Signed addresses work for a day at most: so long a sender may put a file again.
_ANNOUNCED_MS = 2 * 86_400_000
_PAGE = 64
_OWNERS_PAGE = 200
# The reconciler has more to do in a round.
_LONGEST_S = 2.0


# What providers said of an image; what cannot be forgotten now is over by itself.
ForgetAnswers = Callable[[str], None]


def _has_no_answers(_image_id: str) -> None:
    """Where nobody asks providers."""


@dataclass(frozen=True, slots=True)
class AskedBy:
    """Whom the audit log names."""

    actor: str
    client: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """`is_swept`: no file is left either; else they are deleted as soon as the object store is back.
    `job_ids`: whoever watches these has nothing more to see."""

    is_swept: bool
    job_ids: tuple[str, ...]


class Erase:
    def __init__(
        self, database: Database, store: ObjectStore, *, forget_answers: ForgetAnswers = _has_no_answers
    ) -> None:
        self._database = database
        self._store = store
        self._forget_answers = forget_answers
        self._audit = Audit(database)

    def erase(self, image_id: str, owner_id: str, asked_by: AskedBy) -> Erased:
        """Whatever its jobs are at. An image that was erased before is no error. Raises `ImageNotFound`."""
        if not is_id(image_id):
            raise ImageNotFound
        held, stone = self._forget(image_id, owner_id, asked_by)
        if held:
            _log.info("image.erased", image_id=image_id)
        failpoint("after_erase", image_id)
        self._forget_answers(image_id)
        is_swept = stone.look_at_ms is None or self._sweep(stone)
        return Erased(is_swept, held.job_ids if held else ())

    def erase_all_of(self, owner_id: str, asked_by: AskedBy, *, erased: Callable[[int], None]) -> bool:
        """Every image of an owner; `erased` hears how many so far. False when files are left to the
        reconciler."""
        total, is_swept = 0, True
        while ids := self._newest_of(owner_id):
            for image_id in ids:
                is_swept &= self.erase(image_id, owner_id, asked_by).is_swept
                total += 1
                erased(total)
        return is_swept

    def owner_of(self, image_id: str) -> str:
        """Whose image this is, or was before it was erased. Raises `ImageNotFound`."""
        with self._database.read() as transaction:
            owner = transaction.erasing.owner_of(image_id)
            stone = transaction.tombstones.of(image_id)
        if owner is None and stone is None:
            raise ImageNotFound
        return owner or (stone.owner_id if stone else "")

    def is_there(self, image_id: str) -> bool:
        """Whether it has not been erased, or has come back since with rows from a backup."""
        with self._database.read() as transaction:
            return transaction.erasing.owner_of(image_id) is not None

    def _newest_of(self, owner_id: str) -> list[str]:
        with self._database.read() as transaction:
            return transaction.erasing.newest_of(owner_id, limit=_OWNERS_PAGE)

    @again_after_deadlock
    def _forget(self, image_id: str, owner_id: str, asked_by: AskedBy) -> tuple[HeldImage | None, Tombstone]:
        """The image as it was, None if it was erased before, and its tombstone."""
        with self._database.write() as transaction:
            held = transaction.erasing.hold(image_id, owner_id=owner_id)
            if held:
                _delete_rows(transaction, held)
                transaction.tombstones.put(
                    image_id, _objects_of(held), owner_id=owner_id, look_in_ms=_FIRST_LOOK_MS
                )
                self._audit.write_in(
                    transaction,
                    AuditAction.IMAGE_DELETED,
                    owner_id=owner_id,
                    actor=asked_by.actor,
                    subject=image_id,
                    client=asked_by.client,
                    correlation_id=asked_by.correlation_id,
                )
            stone = transaction.tombstones.of(image_id, owner_id=owner_id)
        if stone is None:
            raise ImageNotFound
        return held, stone

    def _sweep(self, stone: Tombstone) -> bool:
        try:
            self._store.erase(stone.objects)
        except (VeilgateError, OSError) as error:
            _log.warning("erase.files_left", image_id=stone.image_id, error=type(error).__name__)
            return False
        return True


class ErasedFiles:
    """Looks where erased images had their files. `settled_after_s`: so long a worker may have gone on with a
    picture that was in its hands, and with what it asked about it."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        *,
        settled_after_s: float,
        forget_answers: ForgetAnswers = _has_no_answers,
    ) -> None:
        self._database = database
        self._forget_answers = forget_answers
        self._store = store
        self._settled_after_ms = round(settled_after_s * 1000)

    def sweep_due(self) -> int:
        """Delete what is found, as far as it is time to look; returns how many images were looked at. Raises
        `ObjectStoreUnavailable`."""
        count, give_up_s = 0, time.monotonic() + _LONGEST_S
        while page := self._due():
            self._store.check()  # or each of a page would wait for a store that hangs
            ask_of_each(self._sweep, page)
            if not self._database.overwrite_deleted():
                return count
            if closed := self._note(page):
                _log.info("erase.closed", images=closed)
            count += len(page)
            if time.monotonic() > give_up_s:
                break
        return count

    def _sweep(self, stone: Tombstone) -> None:
        self._store.erase(stone.objects)
        self._forget_answers(stone.image_id)

    def _due(self) -> list[Tombstone]:
        with self._database.read() as transaction:
            return transaction.tombstones.due(limit=_PAGE)

    def _note(self, page: list[Tombstone]) -> int:
        """Say when to look again; returns for how many that was the last time."""
        with self._database.write() as transaction:
            now = transaction.now_ms()
            looks = {stone.image_id: self._next_look_ms(stone, now) for stone in page}
            closed = [image_id for image_id, at_ms in looks.items() if at_ms is None]
            transaction.tombstones.close(closed)
            for image_id, at_ms in looks.items():
                if at_ms is not None:
                    transaction.tombstones.look_again(image_id, at_ms=at_ms)
        return len(closed)

    def _next_look_ms(self, stone: Tombstone, now: int) -> int | None:
        settled = stone.erased_at_ms + self._settled_after_ms
        if now < settled:
            return settled
        is_announced = any(name.startswith(announced_key("")) for name in stone.objects)
        put_again_until = stone.erased_at_ms + _ANNOUNCED_MS
        return put_again_until if is_announced and now < put_again_until else None


def _delete_rows(transaction: Transaction, image: HeldImage) -> None:
    transaction.erasing.delete_details(image)
    transaction.outbox.image_erased(image.image_id, image.job_ids, owner_id=image.owner_id)
    transaction.shared_links.forget_image(image.image_id)
    transaction.terms.forget_image(image.image_id, owner_id=image.owner_id)
    serving = transaction.index_models.serving()
    if serving:
        transaction.near_duplicates.hand_on(image.image_id, model_id=serving.model_id)
    again = transaction.erasing.part_from_likes(image)
    transaction.embeddings.remove(image.image_id)
    if serving:
        transaction.embeddings.judge_again(again, owner_id=image.owner_id, model_id=serving.model_id)
    transaction.erasing.delete(image)


def _objects_of(image: HeldImage) -> list[str]:
    return [image.original_key, *(job_prefix(job_id) for job_id in image.job_ids), *image.announced_keys]
