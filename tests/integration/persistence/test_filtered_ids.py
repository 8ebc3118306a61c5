"""Filters, in the order of time, against what was written."""

import random
from itertools import product

from tests.integration.persistence.databases import OWNER
from tests.integration.persistence.shelved_images import BATCHES, EVERY_MS, FIRST_MS, Library, Shelved
from veilgate.domain.search import ImageFilters
from veilgate.persistence.filtered_ids import newest_ids, nth_newest, oldest_ids

TAGS: list[tuple[str, ...]] = [(), ("car",), ("traffic light", "dog"), ("Car",)]
VEHICLES = [None, "truck"]
NAMES = [None, "IMG_1.jpg", "IMG_*", "100%_*", "*", "img_3.jpg*", "no*"]
TIMES = [(None, None), (FIRST_MS + 20 * EVERY_MS, FIRST_MS + 50 * EVERY_MS)]
BATCH_IDS = [None, BATCHES[OWNER], BATCHES["somebody"]]
# Some of all that can be combined.
COMBINED = random.Random(1).sample([*product(TAGS, VEHICLES, TIMES, BATCH_IDS, NAMES)], 90)
FILTERS = [
    ImageFilters(tags, vehicle, *times, batch_id, name) for tags, vehicle, times, batch_id, name in COMBINED
]


def passes(image: Shelved, filters: ImageFilters) -> bool:
    labels = {tag for _, tag in image.tags}
    name, wanted = image.filename, filters.filename
    return (
        labels >= set(filters.tags)
        and (filters.vehicle is None or ("detected", filters.vehicle) in image.tags)
        and (filters.since_ms is None or image.created_at_ms >= filters.since_ms)
        and (filters.before_ms is None or image.created_at_ms < filters.before_ms)
        and (filters.batch_id is None or (image.in_batch and filters.batch_id == BATCHES[OWNER]))
        and (wanted is None or name == wanted or (wanted.endswith("*") and name.startswith(wanted[:-1])))
    )


def test_what_passes_is_found_in_the_order_of_time(library: Library) -> None:
    """Two to a page, from either end."""
    found_some = 0
    with library.shelf.database.read() as transaction:
        for filters in FILTERS:
            expected = [image.id for image in library.images if passes(image, filters)]
            found_some += len(expected) > 0
            newest = newest_ids(transaction.connection, filters, owner_id=OWNER, limit=99)
            assert newest == expected[::-1], filters
            oldest = oldest_ids(transaction.connection, filters, owner_id=OWNER, limit=99)
            assert oldest == expected, filters
            for place in range(0, len(expected), 10):
                below = newest_ids(
                    transaction.connection, filters, owner_id=OWNER, limit=2, below=newest[place]
                )
                assert below == newest[place + 1 : place + 3], filters
                nth = nth_newest(transaction.connection, filters, owner_id=OWNER, number=place)
                assert nth == newest[place], filters
            assert nth_newest(transaction.connection, filters, owner_id=OWNER, number=len(expected)) is None
    assert found_some > 20


def test_near_duplicates_are_left_out_on_request(library: Library) -> None:
    with library.shelf.database.read() as transaction:
        for filters in (ImageFilters(), ImageFilters(tags=("car",))):
            found = newest_ids(
                transaction.connection, filters, owner_id=OWNER, limit=99, near_duplicates=False
            )
            singles = [image for image in library.images if image.near_duplicate_of is None]
            assert found == [image.id for image in singles if passes(image, filters)][::-1]
