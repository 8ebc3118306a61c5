"""Processed pictures: what is handed out, with which headers, and what is no longer in it."""

import io
from typing import Any

import pytest
from PIL import Image

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh, picture

SECRET = b"SECRET-PLACE"
NO_PAGE = "sandbox; default-src 'none'"


def processed_job(house: Gateway, content: bytes, **options: str) -> str:
    job_id = house.accepted_job(content, **options)
    document = house.ended(job_id)
    assert document["status"] == "completed", document
    return job_id


@pytest.fixture(scope="module")
def veiled(working_house: Gateway, astronaut_jpeg: bytes) -> str:
    return processed_job(working_house, fresh(astronaut_jpeg))


def telling_jpeg() -> bytes:
    """A JPEG that carries a place in EXIF GPS, XMP, IPTC and a comment, and a thumbnail of itself."""
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 2.0, 3.0), 27: SECRET})
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\x10\x1c\x02\x5a\0\x0c" + SECRET[:11] + b"\0"
    jpeg = picture(size_wh=(96, 64), exif=exif.tobytes() + b"", comment=SECRET)
    segments = [
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"),
        (0xED, iptc),
        (0xE2, b"FPXR\0" + picture(size_wh=(16, 16)) + SECRET),
    ]
    extra = b"".join(
        bytes([0xFF, kind]) + (len(data) + 2).to_bytes(2, "big") + data for kind, data in segments
    )
    return jpeg[:2] + extra + jpeg[2:]


def test_the_status_of_a_completed_job_has_every_field(working_house: Gateway, veiled: str) -> None:
    document = working_house.status(veiled)
    assert (document["status"], document["attempts"], document["error"]) == ("completed", 0, None)
    results = document["results"]
    assert set(results) == {
        "original_image_path", "processed_image_path", "thumbnail_paths", "processing_time", "queue_time",
        "blur_metadata", "detection_metadata", "embedding_metadata", "stages", "options",
        "near_duplicate_of", "processed_url", "thumbnail_urls",
    }  # fmt: skip
    for link in (results["processed_url"], *results["thumbnail_urls"].values()):
        assert working_house.http.get(link).headers["cache-control"] == "private, max-age=31536000, immutable"
    assert results["processing_time"] > 0
    assert results["embedding_metadata"]["model"] == "descriptor-v1"
    assert results["embedding_metadata"]["dimensions"] > 0
    assert results["options"] == document["options"]
    assert isinstance(document["updated_at"], int)


@pytest.mark.parametrize(
    ("copy", "disposition"), [("processed", "inline"), ("thumbnail", "inline"), ("original", "attachment")]
)
def test_picture_bytes_can_only_be_a_picture(
    working_house: Gateway, veiled: str, copy: str, disposition: str
) -> None:
    answer = working_house.http.get(f"/images/{veiled}/{copy}")
    headers = answer.headers
    assert answer.status_code == 200
    assert headers["content-type"] == "image/jpeg"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == NO_PAGE
    assert headers["cache-control"] == "private, no-cache"
    assert headers["content-disposition"].startswith(f'{disposition}; filename="{veiled}')
    assert int(headers["content-length"]) == len(answer.content)
    assert veiled not in headers["etag"]
    Image.open(io.BytesIO(answer.content)).load()


@pytest.mark.parametrize("copy", ["processed", "thumbnail", "original"])
def test_who_has_this_version_is_not_sent_it_again(working_house: Gateway, veiled: str, copy: str) -> None:
    address = f"/images/{veiled}/{copy}"
    etag = working_house.http.get(address).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = working_house.http.get(address, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
    answer = working_house.http.get(address, headers={"If-None-Match": '"other"'})
    assert answer.status_code == 200


@pytest.mark.parametrize(("asked_px", "longest_px"), [(1, 320), (320, 320), (321, 512), (4096, 512)])
def test_a_thumbnail_is_the_smallest_that_is_large_enough(
    working_house: Gateway, veiled: str, asked_px: int, longest_px: int
) -> None:
    answer = working_house.http.get(f"/images/{veiled}/thumbnail", params={"size": asked_px})
    assert max(Image.open(io.BytesIO(answer.content)).size) == longest_px


def test_nothing_of_the_metadata_is_left_and_the_original_is_untouched(working_house: Gateway) -> None:
    sent = telling_jpeg()
    assert sent.count(SECRET[:11]) >= 5
    job_id = processed_job(working_house, sent)
    for copy in ("processed", "thumbnail"):
        content = working_house.http.get(f"/images/{job_id}/{copy}").content
        assert SECRET[:11] not in content
        image = Image.open(io.BytesIO(content))
        assert not image.getexif()
        assert not {"exif", "xmp", "photoshop", "comment", "icc_profile"} & set(image.info)
        assert content.count(b"\xff\xd8\xff") == 1
    assert working_house.http.get(f"/images/{job_id}/original").content == sent


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_a_picture_keeps_its_format(working_house: Gateway, kind: str) -> None:
    job_id = processed_job(working_house, picture(kind, size_wh=(80, 60)))
    answer = working_house.http.get(f"/images/{job_id}/processed")
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == (kind, (80, 60))


def test_an_ended_job_keeps_its_end(working_house: Gateway, veiled: str) -> None:
    for change in ("retry", "cancel"):
        answer = working_house.http.post(f"/jobs/{veiled}/{change}")
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
        assert "completed" in answer.json()["detail"]
    assert working_house.status(veiled)["status"] == "completed"


def test_a_job_cancelled_and_retried_is_completed(working_house: Gateway) -> None:
    job_id = working_house.accepted_job(fresh())
    working_house.http.post(f"/jobs/{job_id}/cancel")
    working_house.http.post(f"/jobs/{job_id}/retry")
    assert working_house.ended(job_id)["status"] == "completed"


def test_a_batch_ends_done(working_house: Gateway) -> None:
    files = [("files", (f"{seed}.jpg", picture(seed=seed))) for seed in range(4)]
    sent = working_house.http.post("/batch-upload", files=files).json()
    for item in sent["accepted"]:
        working_house.ended(item["job_id"])
    batch = working_house.http.get(f"/batches/{sent['batch_id']}").json()
    assert (batch["done"], batch["counts"]["completed"]) == (True, 4)


def test_the_numbers_add_up(working_house: Gateway, veiled: str) -> None:
    stats = working_house.http.get("/stats").json()
    rows = all_jobs(working_house)
    counted = {state: sum(row["status"] == state for row in rows) for state in stats["jobs"]}
    for state in ("submitted", "processing"):
        assert stats["jobs"][state] == counted[state]
    for state in ("completed", "failed", "cancelled"):
        assert stats["jobs"][state] >= counted[state], "what was erased since was done all the same"
    assert stats["faces_veiled"] >= 1
    ended = stats["jobs"]["completed"] + stats["jobs"]["failed"]
    assert stats["success_rate"] == round(stats["jobs"]["completed"] / ended, 4)
    assert stats["mean_processing_time"] > 0
    working_house.ended(working_house.accepted_job(fresh()))
    again = working_house.http.get("/stats").json()
    assert again["jobs"]["completed"] == stats["jobs"]["completed"] + 1


def all_jobs(house: Gateway) -> list[dict[str, Any]]:
    return house.select("SELECT id, status FROM jobs")
