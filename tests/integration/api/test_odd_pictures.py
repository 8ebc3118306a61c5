"""Pictures that only decoding can judge: the broken ones fail, the sound ones come out right and upright, and
the worker stays the same process all along."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.odd_pictures import exif, turned
from tests.fixtures.pictures import ASTRONAUT_FACE_XYXY
from tests.integration.api.gateway import Gateway
from tests.integration.api.hostile_pictures import PAGE, SOUND, SOUND_OF_OTHER_COLOURS, UNDECODABLE, ZIP
from tests.integration.api.samples import fresh, picture
from tests.unit.imaging.imaging_samples import BLUE, GREEN, RED, WHITE

pytestmark = pytest.mark.one_house

SECRET = b"SERIAL-4711"
_MAKER, _PLACE = 271, 0x8825


@pytest.fixture(scope="module", autouse=True)
def same_worker(working_house: Gateway) -> Iterator[None]:
    """Whatever was sent in between, nobody had to be started anew."""
    before = worker_pids(working_house)
    yield
    assert worker_pids(working_house) == before
    assert working_house.ended(working_house.accepted_job(fresh()))["status"] == "completed"


def worker_pids(house: Gateway) -> list[int]:
    return [worker["pid"] for worker in house.http.get("/health").json()["workers"]["images"]]


@pytest.fixture(scope="module")
def broken_jobs(working_house: Gateway) -> dict[str, str]:
    return {name: working_house.accepted_job(make()) for name, make in UNDECODABLE.items()}


@pytest.mark.parametrize("name", UNDECODABLE)
def test_a_broken_picture_fails_and_nothing_of_it_is_served(
    working_house: Gateway, broken_jobs: dict[str, str], name: str
) -> None:
    job_id = broken_jobs[name]
    document = working_house.ended(job_id)
    assert document["status"] == "failed"
    assert document["error"]["code"] == "undecodable"
    for copy in ("processed", "thumbnail"):
        assert working_house.http.get(f"/images/{job_id}/{copy}").status_code == 404


@pytest.fixture(scope="module")
def sound_jobs(working_house: Gateway) -> dict[str, str]:
    return {
        name: working_house.accepted_job(make()) for name, make in {**SOUND, **SOUND_OF_OTHER_COLOURS}.items()
    }


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_picture_comes_out_right_and_upright(
    working_house: Gateway, sound_jobs: dict[str, str], name: str
) -> None:
    image = processed(working_house, sound_jobs[name])
    assert image.size == (96, 64)
    middles = np.asarray(image.convert("RGB"))[16::32, 24::48].reshape(4, 3).astype(int)
    assert np.abs(middles - [RED, GREEN, BLUE, WHITE]).max() <= 8, middles.tolist()


def test_2000_frames_are_one_picture(working_house: Gateway, sound_jobs: dict[str, str]) -> None:
    (job_id,) = (sound_jobs[name] for name in SOUND_OF_OTHER_COLOURS)
    assert processed(working_house, job_id).size == (96, 64)
    assert working_house.status(job_id)["results"]["processing_time"] < 10


@pytest.mark.parametrize("name", ["7 jpeg and zip", "8 page in a jpeg's comment"])
def test_what_was_hidden_is_in_no_copy_and_never_a_page(
    working_house: Gateway, sound_jobs: dict[str, str], name: str
) -> None:
    job_id = sound_jobs[name]
    processed(working_house, job_id)
    for copy in ("processed", "thumbnail"):
        content = working_house.http.get(f"/images/{job_id}/{copy}").content
        assert ZIP not in content
        assert PAGE not in content
    original = working_house.http.get(f"/images/{job_id}/original")
    assert ZIP in original.content or PAGE in original.content
    assert original.headers["content-disposition"].startswith("attachment")
    assert original.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "original", "processed_as"),
    [
        ("30 gif", "gif", "png"),
        ("30 bmp", "bmp", "png"),
        ("30 tiff", "tiff", "png"),
        ("27 heic", "heic", "jpeg"),
        ("27 avif", "avif", "webp"),
        ("4 png sent as jpeg", "png", "png"),
    ],
)
def test_copies_and_originals_say_what_they_are(
    working_house: Gateway, sound_jobs: dict[str, str], name: str, original: str, processed_as: str
) -> None:
    job_id = sound_jobs[name]
    image = processed(working_house, job_id)
    assert (image.format or "").lower() == processed_as
    for copy, kind in (("original", original), ("processed", processed_as)):
        headers = working_house.http.get(f"/images/{job_id}/{copy}").headers
        assert headers["content-type"] == f"image/{kind}"
        assert f".{kind.replace('jpeg', 'jpg')}" in headers["content-disposition"]
    path = working_house.status(job_id)["results"]["processed_image_path"]
    assert path.endswith(f"processed.{processed_as.replace('jpeg', 'jpg')}")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_no_copy_tells_where_and_with_what_it_was_taken(working_house: Gateway, kind: str) -> None:
    block = Image.Exif()
    block[_MAKER] = SECRET.decode()
    block.get_ifd(_PLACE).update({1: "N", 2: (51.0, 2.0, 3.0), 27: SECRET})
    job_id = working_house.accepted_job(picture(kind, size_wh=(96, 64), exif=block.tobytes()))
    assert SECRET in working_house.http.get(f"/images/{job_id}/original").content
    image = processed(working_house, job_id)
    assert not image.getexif()
    assert not {"exif", "xmp", "photoshop", "comment", "icc_profile"} & set(image.info)
    for copy in ("processed", "thumbnail"):
        content = working_house.http.get(f"/images/{job_id}/{copy}").content
        assert SECRET not in content


def test_the_thumbnail_of_the_original_is_in_no_copy(working_house: Gateway) -> None:
    thumbnail = picture(size_wh=(32, 32), seed=7)
    sent = picture(size_wh=(96, 64), exif=exif(1, extra=thumbnail))
    assert thumbnail in sent
    job_id = working_house.accepted_job(sent)
    processed(working_house, job_id)
    for copy in ("processed", "thumbnail"):
        content = working_house.http.get(f"/images/{job_id}/{copy}").content
        assert thumbnail[-200:] not in content
        assert content.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize(("heads", "least", "most"), [("none", 0, 0), ("many", 200, 3000), ("corners", 1, 9)])
def test_any_number_of_faces_is_a_bounded_list(
    working_house: Gateway, astronaut_jpeg: bytes, heads: str, least: int, most: int
) -> None:
    sheet = Image.new("RGB", (640, 480), "grey")
    with Image.open(io.BytesIO(astronaut_jpeg)) as astronaut:
        head = astronaut.crop((150, 20, 310, 220))
    if heads == "many":
        for at in range(20 * 12):
            sheet.paste(head.resize((32, 40)), (at % 20 * 32, at // 20 * 40))
    elif heads == "corners":
        for corner in ((-60, -60), (560, -60), (-60, 380), (560, 380)):
            sheet.paste(head, corner)
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=90)
    document = working_house.ended(working_house.accepted_job(file.getvalue()))
    assert document["status"] == "completed"
    found = document["results"]["blur_metadata"]["faces"]
    assert least <= len(found) <= most
    for face in found:
        left, top, right, bottom = face["box"]
        assert 0 <= left < right <= 640
        assert 0 <= top < bottom <= 480


@pytest.mark.parametrize(("kind", "way"), [("JPEG", 6), ("TIFF", 5), ("HEIF", 8), ("AVIF", 7)])
def test_faces_are_found_where_they_are_seen(
    working_house: Gateway, astronaut_jpeg: bytes, kind: str, way: int
) -> None:
    with Image.open(io.BytesIO(astronaut_jpeg)) as astronaut:
        stored = turned(astronaut.crop((0, 0, 512, 400)), way)
    file = io.BytesIO()
    stored.save(file, kind, exif=exif(way), quality=90)
    job_id = working_house.accepted_job(file.getvalue())
    assert processed(working_house, job_id).size == (512, 400)
    (face,) = working_house.status(job_id)["results"]["blur_metadata"]["faces"]
    assert np.abs(np.subtract(face["box"], ASTRONAUT_FACE_XYXY)).max() < 25


def processed(house: Gateway, job_id: str) -> Image.Image:
    document = house.ended(job_id)
    assert document["status"] == "completed", document
    return Image.open(io.BytesIO(house.http.get(f"/images/{job_id}/processed").content))
