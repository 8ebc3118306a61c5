"""A small house without processes: rows and files, to be saved and restored."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.persistence.databases import OWNER, Shelf, migrated_file, sqlite_shelf
from veilgate.domain.pictures import PictureFormat
from veilgate.services.backup.backing_up import Backup, Saved
from veilgate.services.images.erase import AskedBy, Erase
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, processed_key, result_prefix, thumbnail_key
from veilgate.storage.local import LocalObjectStore

__all__ = ["migrated_file", "sqlite_shelf"]


class SmallHouse:
    """Images with a result each."""

    def __init__(self, shelf: Shelf, folder: Path) -> None:
        self.shelf = shelf
        self.data_dir = folder / "data"
        self.saved = folder / "saved"
        self.store = LocalObjectStore(self.data_dir / "objects")

    def add(self, *image_ids: str) -> None:
        self.shelf.add(*image_ids)
        for image_id in image_ids:
            content, prefix = self.content(image_id), result_prefix(image_id, 1)
            for key in self.keys(image_id):
                self.store.put(key, content, media_type="image/jpeg")
            self.shelf.change(image_id, status="completed", result_key=prefix, fence=1)
            with self.shelf.database.write() as transaction:
                transaction.connection.exec_driver_sql(
                    "UPDATE processed_images SET sha256 = ?, file_size = ? WHERE id = ?",
                    (hashlib.sha256(content).hexdigest(), len(content), image_id),
                )

    def erase(self, image_id: str) -> None:
        Erase(self.shelf.database, self.store).erase(image_id, OWNER, AskedBy("test"))

    def back_up(self, progress: Callable[[int], None] = lambda _number: None) -> Saved:
        return Backup(self.shelf.path, self.store, self.saved).run(progress=progress)

    def saved_keys(self) -> set[str]:
        objects = self.saved / "objects"
        return {path.relative_to(objects).as_posix() for path in objects.rglob("*") if path.is_file()}

    def keys(self, image_id: str) -> set[str]:
        prefix = result_prefix(image_id, 1)
        thumbnails = {thumbnail_key(prefix, side_px) for side_px in THUMBNAIL_SIDES_PX}
        processed = processed_key(prefix, PictureFormat.JPEG.served_as.suffix)
        return {self.original_key(image_id), processed, *thumbnails}

    @staticmethod
    def content(image_id: str) -> bytes:
        return f"the picture {image_id}".encode()

    @staticmethod
    def original_key(image_id: str) -> str:
        return f"original/2026/01/01/{image_id}"


@pytest.fixture
def house(sqlite_shelf: Shelf, tmp_path: Path) -> SmallHouse:
    return SmallHouse(sqlite_shelf, tmp_path / "house")
