"""What the house erased while it was copied is erased from the copy as well, rows and files."""

from collections.abc import Iterator
from pathlib import Path

from veilgate.domain.errors import DiskFull
from veilgate.persistence.inventory import Inventory
from veilgate.persistence.unit_of_work import Database
from veilgate.services.backup.named_files import pages_of_images
from veilgate.services.images.erase import AskedBy, Erase
from veilgate.storage.local import LocalObjectStore

_BACKUP = AskedBy("cli:backup")


def erase_from_copy(copy: Database, objects: Path, *, house: Database) -> int:
    """How many images the house had no more. By rows and not by tombstones' times: clocks are set back."""
    gone = [*_gone(copy, house)]
    if not gone:
        return 0
    erase = Erase(copy, LocalObjectStore(objects))
    for image_id in gone:
        if not erase.erase(image_id, erase.owner_of(image_id), _BACKUP).is_swept:
            raise DiskFull("The files of an image that was erased cannot be deleted from the backup.")
    return len(gone)


def _gone(copy: Database, house: Database) -> Iterator[str]:
    for page in pages_of_images(copy):
        copied = [image.image_id for image in page]
        with house.read() as transaction:
            held = {image.image_id for image in Inventory(transaction.connection).originals_of(copied)}
        yield from (image_id for image_id in copied if image_id not in held)
