"""Links to veiled copies: who makes one, what it leads to, and when it ends."""

import re
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.services.test_erase import ME
from tests.unit.services.test_erase_races import at_once
from veilgate.domain.errors import ImageNotFound, LinkNotFound
from veilgate.domain.ids import new_id
from veilgate.services.images.erase import Erase
from veilgate.services.images.housekeeping import Housekeeping
from veilgate.services.images.shared_links import SharedFiles, SharedLinks
from veilgate.storage.keys import result_prefix, thumbnail_key
from veilgate.storage.local import LocalObjectStore
from veilgate.storage.ports import SignedPut

VEILED = b"\xff\xd8 veiled"


class Signing(LocalObjectStore):
    """A folder that signs addresses."""

    signed_url_s = 3600

    def sign_get(self, key: str, *, media_type: str, disposition: str, works_s: int | None = None) -> str:
        return f"https://bucket.example/{key}?{media_type}&{disposition}&{works_s}"

    def sign_put(self, key: str, *, size_bytes: int, sha256: str) -> SignedPut:  # noqa: ARG002
        return SignedPut(f"https://bucket.example/{key}", {})


class House:
    """An image whose veiled result is shown."""

    def __init__(self, shelf: Shelf, folder: Path) -> None:
        self.shelf, self.store, self.store_folder = shelf, LocalObjectStore(folder), folder
        self.image_id = new_id()
        shelf.add(self.image_id)
        self.result_key = self.show(fence=1)
        self.files = SharedFiles(shelf.database, self.store)

    def links(self, works_s: int = 60) -> SharedLinks:
        database = self.shelf.database
        return SharedLinks(database, base_url="https://gate.example/", signer=None, works_s=works_s)

    def show(self, *, fence: int) -> str:
        prefix = result_prefix(self.image_id, fence)
        self.store.put(thumbnail_key(prefix, 1024), VEILED, media_type="image/jpeg")
        with self.shelf.database.write() as transaction:
            transaction.images.point_to(self.image_id, self.image_id)
        self.shelf.change(self.image_id, result_key=prefix, status="completed")
        return prefix

    def token(self, *, works_s: int = 60) -> str:
        return self.links(works_s).make(self.image_id, self.result_key).rpartition("/")[2]

    def is_found(self, token: str) -> bool:
        with suppress(LinkNotFound):
            return bool(self.files.find(token))
        return False


@pytest.fixture
def sqlite_house(sqlite_shelf: Shelf, tmp_path: Path) -> House:
    return House(sqlite_shelf, tmp_path / "objects")


@pytest.fixture
def house(shelf: Shelf, tmp_path: Path) -> House:
    return House(shelf, tmp_path / "objects")


def test_a_link_leads_to_the_veiled_copy(house: House) -> None:
    address = house.links().make(house.image_id, house.result_key)
    found = re.fullmatch(r"https://gate\.example/shared/([\w-]{43})", address)
    assert found
    key = house.files.find(found[1])
    size, chunks = house.files.open(key)
    assert (b"".join(chunks), size, house.files.size_bytes(key)) == (VEILED, len(VEILED), len(VEILED))
    assert key.endswith("/thumbnail-1024.jpg")
    assert found[1] not in repr(house.shelf.rows("SELECT * FROM shared_links")), "only its digest is kept"
    assert house.token() != found[1]


def test_others_lead_nowhere(house: House) -> None:
    house.token()
    for token in ("", "x", "A" * 43, "A" * 44, "é" * 43):
        assert not house.is_found(token)


def test_it_ends_when_its_time_is_over(house: House) -> None:
    over, good = house.token(works_s=-1), house.token()
    assert (house.is_found(over), house.is_found(good)) == (False, True)
    Housekeeping(house.shelf.database, house.store).forget_links()
    assert len(house.shelf.rows("SELECT * FROM shared_links")) == 1
    assert house.is_found(good)


def test_it_ends_when_another_result_is_shown(house: House) -> None:
    token = house.token()
    house.show(fence=2)
    assert not house.is_found(token), "the picture may be veiled more now"


def test_a_file_that_is_gone_is_no_link(sqlite_house: House) -> None:
    house = sqlite_house
    key = house.files.find(house.token())
    house.store.delete([key])
    for look in (house.files.open, house.files.size_bytes):
        with pytest.raises(LinkNotFound):
            look(key)


def test_it_ends_with_its_image(house: House) -> None:
    token = house.token()
    Erase(house.shelf.database, house.store).erase(house.image_id, OWNER, ME)
    assert not house.is_found(token)
    assert house.shelf.rows("SELECT * FROM shared_links") == []
    with pytest.raises(ImageNotFound):
        house.token()


def test_made_while_the_image_is_erased(shelf: Shelf, tmp_path: Path) -> None:
    """Before it or after, but no link outlives its image."""
    for _ in range(6):
        house = House(shelf, tmp_path / "objects")
        erase = Erase(shelf.database, house.store)
        at_once(house.token, partial(erase.erase, house.image_id, OWNER, ME))
    assert shelf.rows("SELECT * FROM shared_links") == []


def test_without_an_address_of_ours_the_store_signs(sqlite_house: House) -> None:
    house, signer = sqlite_house, Signing(sqlite_house.store_folder)
    links = SharedLinks(house.shelf.database, base_url="", signer=signer, works_s=900)
    key = thumbnail_key(house.result_key, 1024)
    address = links.make(house.image_id, house.result_key)
    assert address == f"https://bucket.example/{key}?image/jpeg&inline&900"
    assert house.shelf.rows("SELECT * FROM shared_links") == []
    assert links.can_be_made
    assert house.links().can_be_made
    assert not SharedLinks(house.shelf.database, base_url="", signer=None, works_s=900).can_be_made
