"""Sixty images with names, tags, words and a batch, in a database of each kind: for tests that only read."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from database_models import batch_items, batches, processed_images
from tests.fixtures.mariadb import RunningMariaDb
from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.ids import uuid7

FIRST_MS, EVERY_MS = 1_700_000_000_000, 60_000
WORDS = (
    "car",
    "cars",
    "carpet",
    "van",
    "truck",
    "red",
    "reddish",
    "house",
    "horse",
    "meadow",
    "field",
    "grass",
)
SOURCES = ("filename", "detected", "described", "tagged", "some-provider")
LABELS = ("car", "truck", "dog", "traffic light")
NAMES = ("a.jpg", "IMG_1.jpg", "IMG_2.jpg", "img_3.jpg", "100%_*.png", "Ä.jpg")
BATCHES = {
    owner_id: uuid7(unix_ms=FIRST_MS, random=place) for place, owner_id in enumerate((OWNER, "somebody"))
}


@dataclass(slots=True)
class Shelved:
    """One image, as it was written."""

    id: str
    filename: str
    created_at_ms: int
    in_batch: bool
    near_duplicate_of: str | None
    tags: set[tuple[str, str]] = field(default_factory=set)
    words: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Library:
    shelf: Shelf
    images: list[Shelved]


@pytest.fixture(scope="session", params=["sqlite", "mariadb"])
def library(
    request: pytest.FixtureRequest, migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """Somebody else has images with the same names, tags and words, which must never be found."""
    folder = tmp_path_factory.mktemp("library")
    if request.param == "sqlite":
        shutil.copy(migrated_file, folder / "veilgate.db")
        shelf = Shelf(f"sqlite:///{folder / 'veilgate.db'}", folder)
    else:
        mariadb: RunningMariaDb = request.getfixturevalue("mariadb")
        shelf = Shelf(mariadb.new_database(), folder)
    _fill(shelf, "somebody", first=1_000)
    yield Library(shelf, _fill(shelf, OWNER, first=0))
    shelf.close()


def _fill(shelf: Shelf, owner_id: str, *, first: int) -> list[Shelved]:
    chance, images = random.Random(3), list[Shelved]()
    for number in range(60):
        at_ms = FIRST_MS + number * EVERY_MS
        image = Shelved(
            uuid7(unix_ms=at_ms, random=first + number),
            chance.choice(NAMES),
            at_ms,
            in_batch=chance.random() < 0.3,
            near_duplicate_of=images[-1].id if images and chance.random() < 0.3 else None,
        )
        image.tags = {(chance.choice(("detected", "tagged", "p")), chance.choice(LABELS)) for _ in range(3)}
        image.words = {(chance.choice(SOURCES), chance.choice(WORDS)) for _ in range(4)}
        images.append(image)
    shelf.add(*(image.id for image in images))
    _write(shelf, images, owner_id)
    return images


def _write(shelf: Shelf, images: list[Shelved], owner_id: str) -> None:
    table = processed_images
    with shelf.database.write() as transaction:
        transaction.connection.execute(
            batches.insert().values(id=BATCHES[owner_id], owner_id=owner_id, created_at_ms=1)
        )
        for position, image in enumerate(images):
            transaction.connection.execute(
                table.update()
                .where(table.c.id == image.id)
                .values(
                    owner_id=owner_id,
                    filename=image.filename,
                    created_at_ms=image.created_at_ms,
                    near_duplicate_of=image.near_duplicate_of,
                )
            )
            if image.in_batch:
                transaction.connection.execute(
                    batch_items.insert().values(
                        batch_id=BATCHES[owner_id],
                        position=position,
                        filename="a",
                        job_id=image.id,
                        deduplicated=False,
                    )
                )
            for source in {source for source, _ in image.tags}:
                counts = {tag: 2 for said_by, tag in image.tags if said_by == source}
                transaction.images.replace_tags(image.id, source, counts, owner_id=owner_id)
            words = {source: [word for by, word in image.words if by == source] for source in SOURCES}
            transaction.terms.replace(image.id, words, owner_id=owner_id)
