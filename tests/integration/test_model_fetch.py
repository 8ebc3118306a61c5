"""Fetching a model over real HTTP: it arrives complete and right, or not at all."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.fixtures.paths import find_free_port
from tests.waiting import wait_until
from veilgate.domain.errors import ModelMissing
from veilgate.inference.fetch import Backoff, FetchTimeouts, ModelFetcher, fetch_model
from veilgate.inference.manifest import Adapter, ClassAction, Download, ModelKind, ModelSpec, sha256_of

CONTENT = bytes(range(256)) * 1000
PATIENT = FetchTimeouts(silence_s=10, total_s=20)
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class ModelSite:
    """A loopback web server; each path answers as told."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def spec(self, path: str = "/small.onnx") -> ModelSpec:
        return ModelSpec(
            id="small",
            kind=ModelKind.VEHICLES,
            adapter=Adapter.FASTESTDET,
            source=Download(f"http://127.0.0.1:{self.port}{path}"),
            sha256=sha256_of(CONTENT),
            size_bytes=len(CONTENT),
            licence="MIT",
            default_threshold=0.5,
            classes={"car": ClassAction.REPORT},
        )


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelSite]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site = ModelSite(port=0, answers={"/small.onnx": send(CONTENT)})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            site.answers.get(self.path, refuse)(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.ending.set()
    server.shutdown()
    server.server_close()
    thread.join()


def send(body: bytes, *, length: int | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def refuse(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


def drip(site: ModelSite) -> Answer:
    """A byte at a time, often enough never to be silent, until the client has gone."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        try:
            for byte in CONTENT:
                handler.wfile.write(bytes([byte]))
                if site.ending.wait(0.01):
                    return
        except OSError:
            return

    return answer


def hang(site: ModelSite) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        site.ending.wait(30)

    return answer


def assert_fails(spec: ModelSpec, folder: Path, reason: str, *, timeouts: FetchTimeouts = PATIENT) -> None:
    with pytest.raises(ModelMissing, match=f"^small could not be fetched: .*{reason}"):
        fetch_model(spec, folder, timeouts=timeouts)
    assert not folder.exists() or list(folder.iterdir()) == [], "nothing may be left behind"


def test_the_file_arrives(site: ModelSite, tmp_path: Path) -> None:
    path = fetch_model(site.spec(), tmp_path / "new" / "folder", timeouts=PATIENT)
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["small.onnx"]


def test_a_file_that_is_there_is_not_fetched_again(site: ModelSite, tmp_path: Path) -> None:
    fetch_model(site.spec(), tmp_path, timeouts=PATIENT)
    fetch_model(site.spec(), tmp_path, timeouts=PATIENT)
    assert site.requests == ["/small.onnx"]


def test_a_damaged_file_is_replaced(site: ModelSite, tmp_path: Path) -> None:
    (tmp_path / "small.onnx").write_bytes(b"half a file")
    assert fetch_model(site.spec(), tmp_path, timeouts=PATIENT).read_bytes() == CONTENT


def test_a_redirect_is_followed(site: ModelSite, tmp_path: Path) -> None:
    def move(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/small.onnx")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    site.answers["/moved.onnx"] = move
    assert fetch_model(site.spec("/moved.onnx"), tmp_path, timeouts=PATIENT).name == "moved.onnx"


def test_not_found(site: ModelSite, tmp_path: Path) -> None:
    assert_fails(site.spec("/none.onnx"), tmp_path / "models", "404")


def test_nobody_listens(site: ModelSite, tmp_path: Path) -> None:
    nowhere = Download(f"http://127.0.0.1:{find_free_port()}/small.onnx")
    assert_fails(replace(site.spec(), source=nowhere), tmp_path / "models", "refused")


def test_other_bytes_are_refused(site: ModelSite, tmp_path: Path) -> None:
    site.answers["/small.onnx"] = send(CONTENT[::-1])
    assert_fails(site.spec(), tmp_path / "models", "another sha256")


def test_a_body_that_ends_early_is_refused(site: ModelSite, tmp_path: Path) -> None:
    site.answers["/small.onnx"] = send(CONTENT[:1000], length=len(CONTENT))
    assert_fails(site.spec(), tmp_path / "models", "1000 (of|bytes read)")


def test_a_body_that_never_ends_is_cut_off(site: ModelSite, tmp_path: Path) -> None:
    site.answers["/small.onnx"] = send(CONTENT + b"x")
    assert_fails(site.spec(), tmp_path / "models", f"more than {len(CONTENT)} bytes")


def test_a_silent_server_is_given_up(site: ModelSite, tmp_path: Path) -> None:
    site.answers["/small.onnx"] = hang(site)
    assert_fails(site.spec(), tmp_path / "models", "timed out", timeouts=FetchTimeouts(silence_s=0.1))


def test_a_dripping_server_meets_the_deadline(site: ModelSite, tmp_path: Path) -> None:
    site.answers["/small.onnx"] = drip(site)
    hasty = FetchTimeouts(silence_s=10, total_s=0.2)
    assert_fails(site.spec(), tmp_path / "models", "over 0.2 s", timeouts=hasty)


def test_a_folder_that_cannot_be_written_is_a_reason_too(site: ModelSite, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(ModelMissing, match=r"^small could not be fetched: "):
        fetch_model(site.spec(), tmp_path / "models", timeouts=PATIENT)


def test_the_fetcher_tries_until_it_is_there(site: ModelSite, tmp_path: Path) -> None:
    def later(handler: BaseHTTPRequestHandler) -> None:
        (send(CONTENT) if len(site.requests) > 2 else refuse)(handler)

    site.answers["/small.onnx"] = later
    arrived: list[Path] = []
    reasons: list[str] = []
    fetcher = ModelFetcher(
        site.spec(),
        tmp_path,
        on_ready=arrived.append,
        on_failure=reasons.append,
        timeouts=PATIENT,
        backoff=Backoff(first_s=0.01, longest_s=0.01),
    )
    fetcher.start()
    wait_until(lambda: arrived, timeout_s=10, what="the model")
    assert fetcher.stop(timeout_s=5)
    assert [path.read_bytes() for path in arrived] == [CONTENT]
    assert len(reasons) == 2
    assert all("404" in reason for reason in reasons)


def test_a_waiting_fetcher_stops_at_once(site: ModelSite, tmp_path: Path) -> None:
    failed = threading.Event()
    fetcher = ModelFetcher(
        site.spec("/none.onnx"),
        tmp_path,
        on_ready=lambda _: pytest.fail("there is nothing to hand over"),
        on_failure=lambda _: failed.set(),
        timeouts=PATIENT,
        backoff=Backoff(first_s=600, longest_s=600),
    )
    fetcher.start()
    assert failed.wait(10)
    assert fetcher.stop(timeout_s=5)


def test_two_at_once_do_not_disturb_each_other(site: ModelSite, tmp_path: Path) -> None:
    both = threading.Barrier(2)

    def together(handler: BaseHTTPRequestHandler) -> None:
        both.wait(10)
        send(CONTENT)(handler)

    site.answers["/small.onnx"] = together
    arrived: list[Path] = []
    fetchers = [
        ModelFetcher(site.spec(), tmp_path, on_ready=arrived.append, on_failure=pytest.fail, timeouts=PATIENT)
        for _ in range(2)
    ]
    for fetcher in fetchers:
        fetcher.start()
    wait_until(lambda: len(arrived) == 2, timeout_s=10, what="both")
    assert all(fetcher.stop(timeout_s=5) for fetcher in fetchers)
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]
    assert arrived[0].read_bytes() == CONTENT


def test_backoff_doubles_up_to_its_limit() -> None:
    backoff = Backoff(first_s=5, longest_s=600)
    assert [backoff.delay_s(failures) for failures in (1, 2, 3, 8, 9, 5000)] == [5, 10, 20, 600, 600, 600]
