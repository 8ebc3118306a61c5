"""The search server's parts, wired together. Started by search_server.py."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import uvicorn

from config import Config
from veilgate.domain.errors import ConfigurationError
from veilgate.imaging.resample import use_calling_thread_only
from veilgate.inference.words.minilm import open_words_model
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.presence import Presence
from veilgate.search.http_app import SearchApp
from veilgate.services.finding.embedders import Embedders
from veilgate.services.finding.followed_indexes import FollowedIndexes
from veilgate.services.finding.index_upkeep import IndexUpkeep
from veilgate.services.finding.near_duplicates import NearDuplicates
from veilgate.services.finding.reembedding import Reembedding
from veilgate.services.finding.related_words import RelatedWordsFinder
from veilgate.services.finding.search_answers import SearchAnswers
from veilgate.services.finding.search_duties import SearchDuties
from veilgate.services.finding.veiled_views import VeiledViews
from veilgate.stop_request import StopRequest
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.readings import look_when_asked
from veilgate.wiring.http_server import HttpServer
from veilgate.wiring.resources import (
    WORKER_REDIS_TIMEOUT_S,
    open_database,
    open_decode_pool,
    open_embedder,
    open_index_shelf,
    open_redis_client,
    open_store,
    picture_limits,
)

_log = get_logger(__name__)
# For pictures that somebody waits for; stored copies have one of their own.
_QUERY_CHILDREN = 2
_KEEP_ALIVE_S = 75
_DRAIN_S = 10
_BACKLOG = 512


def run(config: Config, stack: ExitStack, stop: StopRequest) -> None:
    use_calling_thread_only()
    folder = config.storage.data_dir / "search"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stack.enter_context(_alone_in(folder))
    # Before models and threads: decode children come from a process that has neither.
    query_pool = open_decode_pool(config, stack, children=_QUERY_CHILDREN)
    copies_pool = open_decode_pool(config, stack, children=1)
    database = open_database(config, stack)
    embedders = Embedders(partial(open_embedder, config))
    indexes = FollowedIndexes(database, open_index_shelf(config))
    stack.callback(indexes.close)
    look_when_asked(indexes.numbers)
    views = VeiledViews(open_store(config, may_be_away=True), copies_pool.decode)
    words = RelatedWordsFinder(database, open_words_model)
    stack.callback(words.close)
    answers = SearchAnswers(
        indexes, embedders, words, decode=query_pool.decode, limits=picture_limits(config)
    )
    stack.callback(answers.close)
    _begin_duties(config, stack, database, indexes=indexes, embedders=embedders, views=views)
    # Its children end first: a picture that is decoded for nobody is not waited for.
    stack.callback(copies_pool.close)
    _serve(config, stack, stop, app=SearchApp(answers, max_picture_bytes=config.server.max_upload_bytes))


def _begin_duties(
    config: Config,
    stack: ExitStack,
    database: Database,
    *,
    indexes: FollowedIndexes,
    embedders: Embedders,
    views: VeiledViews,
) -> None:
    redis = open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S)
    presence = Presence(redis, family="search", name=config.worker.name(os.getpid()))
    stack.callback(presence.withdraw)
    duties = SearchDuties(
        database,
        indexes,
        embedders,
        near_duplicates=NearDuplicates(database, threshold=embedders.near_duplicate_score),
        reembedding=Reembedding(database, views),
        upkeep=IndexUpkeep(database),
        announce=lambda: presence.announce(
            {"pid": os.getpid(), "leads": duties.leads, "indexes": indexes.facts()}
        ),
    )
    stack.callback(duties.close)
    duties.start()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Raises `ConfigurationError` when another search server keeps its snapshots here."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ConfigurationError(
            f"DATA_DIR: another search server works in {folder}; each needs a folder of its own."
        ) from error
    finally:
        os.close(handle)


def _serve(config: Config, stack: ExitStack, stop: StopRequest, *, app: SearchApp) -> None:
    listener = _listen_tcp(config) if config.search.search_url else _listen_locally(config)
    stack.callback(listener.close)
    server = HttpServer(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
    stop.tell(server.handle_exit)
    _log.info("search.listening", address=str(listener.getsockname()))
    server.run(sockets=[listener])


def _listen_locally(config: Config) -> socket.socket:
    """On a socket that only this user may open. A file that a killed predecessor left is in nobody's use:
    `_alone_in` has made sure."""
    path = config.search.socket_path(config.storage.data_dir)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: no socket can be made at {path}: {error.strerror}.") from error
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    return listener


def _listen_tcp(config: Config) -> socket.socket:
    host, port = config.search.search_host, config.search.search_port
    try:
        return socket.create_server((host, port), family=_family_of(host), backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"SEARCH_HOST, SEARCH_PORT: {host}:{port} cannot be used: {error.strerror or error}."
        ) from error


def _family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
