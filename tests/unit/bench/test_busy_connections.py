"""What the load sends, and what is said of those who answered it."""

import hashlib
from itertools import islice

from bench.busy_connections import Questions, Uploads
from bench.contest import Standing, verdicts
from bench.small_photos import BYTES, small_jpegs
from veilgate.domain.pictures import PictureLimits
from veilgate.imaging.sniff import inspect_picture


def test_every_upload_is_a_whole_picture_and_no_two_are_alike() -> None:
    digests = set()
    for request in islice(Uploads(small_jpegs(2))(), 6):
        head, _, body = bytes(request).partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head.lower()
        jpeg = body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        header = inspect_picture(jpeg, PictureLimits())
        assert (header.width, header.height) == (1024, 768)
        assert abs(len(jpeg) - BYTES) < BYTES * 0.04
        digests.add(hashlib.sha256(jpeg).digest())
    assert len(digests) == 6


def test_questions_go_round() -> None:
    asked = [bytes(request).split()[1] for request in islice(Questions(("/a", "/b"))(), 4)]
    assert sorted(asked[:2]) == [b"/a", b"/b"]
    assert asked[:2] == asked[2:]


def standing(name: str, per_s: float, share: float, grown_from: str | None = None) -> Standing:
    return Standing(name, per_s, 1.0, 2.0, share, [per_s], grown_from)


def test_goals_are_judged_where_they_are_set() -> None:
    lines = verdicts(
        [standing("ours", 100, 0.49), standing("grown", 81, 0.4, "ours"), standing("slow", 79, 0.4, "ours")],
        judged="ours",
    )
    assert [line.rpartition(": ")[2] for line in lines] == ["MISSED", "met", "MISSED"]
    assert lines[1].startswith("grown: -19% to ours")
