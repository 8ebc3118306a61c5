"""What the search server makes of query pictures, texts and words, and of requests that are none."""

import io
import json
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.integration.search.search_house import MODEL, SearchHouse, Server, random_vectors
from tests.unit.services.test_reembedding import decode, jpeg
from tests.waiting import wait_until
from veilgate.domain.errors import SearchUnavailable, UndecodablePicture, VeilgateError
from veilgate.domain.rejections import (
    BadDimensions,
    EmptyFile,
    InvalidOption,
    NotAnImage,
    NoTextModel,
    TooManyPixels,
    TruncatedImage,
)
from veilgate.imaging.likeness import likeness_view
from veilgate.inference.embedders.descriptor import Descriptor
from veilgate.search.client import SearchClient
from veilgate.search.wire import RelatedWords


def png(width: int, height: int) -> bytes:
    spool = io.BytesIO()
    Image.new("L", (width, height)).save(spool, "PNG")
    return spool.getvalue()


def test_query_pictures_are_embedded_as_they_were_sent(server: Server, tmp_path: Path) -> None:
    wanted = Descriptor().embed([likeness_view(decode(jpeg(1)).pixels)])[0]
    file = tmp_path / "query.jpg"
    file.write_bytes(jpeg(1))
    for picture in (jpeg(1), file):
        query = server.client.embed(picture)
        assert query.model_id == MODEL
        assert np.frombuffer(query.vector, "<f4") == pytest.approx(wanted, abs=1e-5)
    assert len(query.picture_sha256) == 64


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (b"", EmptyFile),
        (b"no picture at all", NotAnImage),
        (jpeg(1)[:-200], TruncatedImage),
        (png(4, 4), BadDimensions),
        (png(9000, 9000), TooManyPixels),
        (jpeg(2)[:300] + bytes(len(jpeg(2)) - 302) + jpeg(2)[-2:], VeilgateError),
    ],
)
def test_query_pictures_are_judged_as_uploads_are(
    server: Server, picture: bytes, kind: type[VeilgateError]
) -> None:
    with pytest.raises(kind) as refused:
        server.client.embed(picture)
    assert not isinstance(refused.value, SearchUnavailable)
    assert server.health()["status"] == "ok"


def test_a_picture_that_cannot_be_decoded_is_no_fault_of_the_server(server: Server) -> None:
    whole = bytearray(jpeg(3))
    start = whole.index(b"\xff\xda") + 20
    whole[start:-2] = bytes(len(whole) - 2 - start)
    with pytest.raises(UndecodablePicture):
        server.client.embed(bytes(whole))


def test_texts_need_a_model_that_knows_them(server: Server) -> None:
    with pytest.raises(NoTextModel):
        server.client.embed_text("a red car")
    with pytest.raises(InvalidOption):
        server.client.embed_text("")


def test_related_words_are_among_the_owners_own(shared_house: SearchHouse, server: Server) -> None:
    [image_id] = shared_house.add(random_vectors(1, seed=30), owner="writer")
    with shared_house.shelf.database.write() as transaction:
        transaction.terms.replace(image_id, {"tagged": ["grass", "automobile", "violin"]}, owner_id="writer")
    assert set(server.client.related("writer", ["meadow", "car"]).by_word) == {"meadow", "car"}

    def look() -> RelatedWords | None:
        answer = server.client.related("writer", ["meadow", "car"])
        return answer if answer.source else None

    found = wait_until(look, timeout_s=60, what="the words model")
    assert [term for term, _ in found.by_word["meadow"]] == ["grass"]
    assert [term for term, _ in found.by_word["car"]] == ["automobile"]
    stranger = server.client.related("stranger", ["meadow"])
    assert stranger.by_word["meadow"] == ()
    with pytest.raises(InvalidOption):
        server.client.related("writer", [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"model":"m"}',
        b'{"model":"m","owner":"o","vector":"***","k":1}',
        b'{"model":"m","owner":"o","vector":"AAA=","k":1}',
        b'{"model":"m","owner":"o","vector":"AAAAAA==","k":true}',
        b'{"model":"m","owner":"o","vector":"AAAAAA==","k":1,"among":"all"}',
        b'{"model":"m","owner":"o","vector":"AAAAAA==","k":1,"among":[7]}',
        b'{"model":"\xff","owner":"o","vector":"AAAAAA==","k":1}',
    ],
)
def test_what_is_no_request_is_refused(server: Server, body: bytes) -> None:
    status, answer = raw(server, b"POST /v1/search HTTP/1.1", body)
    assert status in {409, 422}
    assert set(json.loads(answer)) == {"code", "detail"}


def test_unknown_paths_and_slow_senders_hold_up_nobody(shared_house: SearchHouse, server: Server) -> None:
    assert raw(server, b"GET /no/such/path HTTP/1.1", b"")[0] == 404
    assert raw(server, b"GET /v1/search HTTP/1.1", b"")[0] == 404
    vector = random_vectors(1, seed=31)[0]
    shared_house.add([vector], owner="patient")
    server.wait_until_followed()
    slow = [opened(server) for _ in range(50)]
    for connection in slow:
        connection.sendall(b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert len(server.search(vector, owner="patient").hits) == 1
    for connection in slow:
        connection.close()


def test_many_at_once_get_each_their_own_answer(shared_house: SearchHouse, server: Server) -> None:
    vectors = random_vectors(64, seed=32)
    ids = shared_house.add(vectors, owner="crowd")
    server.wait_until_followed()
    wrong: list[str] = []

    def ask(first: int) -> None:
        for place in range(first, first + 8):
            hits = server.search(vectors[place], owner="crowd", k=1).hits
            if [hit.image_id for hit in hits] != [ids[place]]:
                wrong.append(ids[place])

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(0, 64, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_server_that_is_away_or_mute_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SearchUnavailable):
        SearchClient(tmp_path / "none.sock", timeout_s=1).health()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = SearchClient(f"http://127.0.0.1:{mute.getsockname()[1]}", timeout_s=0.2)
        with pytest.raises(SearchUnavailable):
            client.search("m", "o", vector=b"\0\0\0\0", k=1)


def opened(server: Server) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(server.folder / "search" / "search.sock"))
    return connection


def raw(server: Server, line: bytes, body: bytes) -> tuple[int, bytes]:
    with opened(server) as connection:
        head = line + b"\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), content
