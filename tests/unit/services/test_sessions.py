"""Sessions of browsers: opened with a key, over with it, and closed for good."""

import re
import time
from pathlib import Path

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.domain.access import Caller, Scope
from veilgate.domain.errors import DatabaseUnavailable, Unauthorized
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database
from veilgate.services.access.access import Access, Found
from veilgate.services.access.audit import Audit
from veilgate.services.access.keys import Keys, NewKey
from veilgate.services.access.sessions import Sessions, csrf_token
from veilgate.services.images.housekeeping import Housekeeping
from veilgate.storage.local import LocalObjectStore

READ = frozenset({Scope.READ})


@pytest.fixture
def key(shelf: Shelf) -> NewKey:
    return Keys(shelf.database).create("alice", READ)


def sessions_of(shelf: Shelf, *, lifetime_s: int = 3600) -> tuple[Sessions, Access]:
    access = Access(shelf.database)
    return Sessions(shelf.database, access, lifetime_s=lifetime_s), access


def shown(shelf: Shelf) -> Access:
    """A gateway that has seen nobody yet."""
    return Access(shelf.database)


def is_good(shelf: Shelf, credential: str) -> bool:
    try:
        return bool(shown(shelf).identify(credential))
    except Unauthorized:
        return False


def test_a_session_is_the_caller_of_its_key(shelf: Shelf, key: NewKey) -> None:
    sessions, _ = sessions_of(shelf)
    opened = sessions.open(key.text)
    caller = Caller("alice", READ, f"key:{key.record.prefix}")
    assert opened.caller == shown(shelf).identify(opened.cookie) == caller
    assert 3590 < opened.expires_at - time.time() <= 3601
    assert opened.expires_at_utc.timestamp() == opened.expires_at
    assert re.fullmatch(r"vgs_[a-z0-9]{12}_[A-Za-z0-9_-]{43}", opened.cookie)
    for secret in (opened.cookie[17:], opened.csrf_token):
        assert secret not in repr(opened)
        assert secret not in repr(shelf.rows("SELECT * FROM browser_sessions"))


def test_each_cookie_has_its_token(shelf: Shelf, key: NewKey) -> None:
    sessions, _ = sessions_of(shelf)
    one, other = sessions.open(key.text), sessions.open(key.text)
    assert one.csrf_token == csrf_token(one.cookie)
    assert len({one.csrf_token, other.csrf_token, one.cookie, other.cookie}) == 4
    assert re.fullmatch(r"[0-9a-f]{64}", one.csrf_token)
    assert csrf_token("vgs_\udc80"), "of whatever a browser sends"


def test_only_a_good_key_opens_one(shelf: Shelf, key: NewKey) -> None:
    class Provider:
        def identify(self, token: str) -> Found:
            return Found(Caller(token, READ, "jwt:alice"), 3600)

    access = Access(shelf.database, Provider())
    sessions = Sessions(shelf.database, access, lifetime_s=60)
    cookie = sessions.open(key.text).cookie
    assert access.identify("a.token")
    for credential in (cookie, "a.token", "", key.text[:-1], f"vg_{key.record.prefix}_{'A' * 43}"):
        with pytest.raises(Unauthorized):
            sessions.open(credential)
    Keys(shelf.database).revoke(key.record.prefix)
    assert access.at_once(key.text), "this gateway believes it for a moment yet"
    with pytest.raises(Unauthorized):
        sessions.open(key.text)
    assert len(shelf.rows("SELECT * FROM browser_sessions")) == 1


def test_it_ends_with_its_key(shelf: Shelf, key: NewKey) -> None:
    cookie = sessions_of(shelf)[0].open(key.text).cookie
    assert is_good(shelf, cookie)
    Keys(shelf.database).revoke(key.record.prefix)
    assert not is_good(shelf, cookie)


def test_it_ends_when_its_key_expires(shelf: Shelf) -> None:
    short = Keys(shelf.database).create("alice", READ, expires_in_s=60)
    opened = sessions_of(shelf)[0].open(short.text)
    assert short.record.expires_at_ms is not None
    assert abs(opened.expires_at - short.record.expires_at_ms // 1000) <= 1
    with shelf.database.write() as transaction:
        transaction.keys.expire_within(short.record.prefix, -1)
    assert not is_good(shelf, opened.cookie)


def test_it_ends_in_time(shelf: Shelf, key: NewKey) -> None:
    cookie = sessions_of(shelf)[0].open(key.text).cookie
    end(shelf, cookie)
    assert not is_good(shelf, cookie)


def test_a_closed_session_is_over_here_at_once(shelf: Shelf, key: NewKey) -> None:
    sessions, access = sessions_of(shelf)
    one, other = sessions.open(key.text).cookie, sessions.open(key.text).cookie
    access.identify(one)
    access.identify(other)
    sessions.close(one)
    assert access.at_once(one) is None
    with pytest.raises(Unauthorized):
        access.identify(one)
    assert access.identify(other)
    assert access.identify(key.text)
    sessions.close(one)
    sessions.close("whatever")
    sessions.close(key.text)
    assert access.identify(key.text)


def test_who_knows_its_name_cannot_close_it(shelf: Shelf, key: NewKey) -> None:
    sessions, _ = sessions_of(shelf)
    cookie = sessions.open(key.text).cookie
    sessions.close(f"{cookie[:17]}{'A' * 43}")
    assert is_good(shelf, cookie)
    assert "session.closed" not in {action for action, *_ in audited(shelf)}


def test_opening_and_closing_are_written_down(shelf: Shelf, key: NewKey) -> None:
    sessions, _ = sessions_of(shelf)
    cookie = sessions.open(key.text, client="192.0.2.1", correlation_id="first").cookie
    sessions.close(cookie, client="192.0.2.2", correlation_id="second")
    sessions.close(cookie, client="192.0.2.3", correlation_id="third")
    actor, subject = f"key:{key.record.prefix}", f"session:{cookie[4:16]}"
    assert audited(shelf) == {
        ("key.created", "cli", f"key:{key.record.prefix}", None, None),
        ("session.opened", actor, subject, "192.0.2.1", "first"),
        ("session.closed", actor, subject, "192.0.2.2", "second"),
    }


def test_what_cannot_be_written_down_is_not_opened(shelf: Shelf, key: NewKey) -> None:
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("ALTER TABLE audit_log RENAME TO elsewhere")
    with pytest.raises(DatabaseUnavailable):
        sessions_of(shelf)[0].open(key.text)
    assert shelf.rows("SELECT * FROM browser_sessions") == []


def test_a_guessed_key_does_not_wait_for_the_writers(sqlite_shelf: Shelf) -> None:
    """Or whoever guesses could keep an SQLite database busy."""
    sessions, _ = sessions_of(sqlite_shelf)
    others = Database(open_engine(sqlite_shelf.url))
    with others.write():
        began_s = time.monotonic()
        with pytest.raises(Unauthorized):
            sessions.open(f"vg_aaaaaaaaaaaa_{'A' * 43}")
        sessions.close(f"vgs_aaaaaaaaaaaa_{'A' * 43}")
        assert time.monotonic() - began_s < 2
    others.close()


def test_expired_sessions_are_forgotten(shelf: Shelf, key: NewKey, tmp_path: Path) -> None:
    sessions, _ = sessions_of(shelf)
    over, good = sessions.open(key.text).cookie, sessions.open(key.text).cookie
    end(shelf, over)
    Housekeeping(shelf.database, LocalObjectStore(tmp_path / "objects")).run()
    assert [row["id"] for row in shelf.rows("SELECT id FROM browser_sessions")] == [good[4:16]]


def end(shelf: Shelf, cookie: str) -> None:
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql(
            f"UPDATE browser_sessions SET expires_at_ms = 1 WHERE id = '{cookie[4:16]}'"  # noqa: S608
        )


def audited(shelf: Shelf) -> set[tuple[str, str, str, str | None, str | None]]:
    return {
        (entry.action, entry.actor, entry.subject, entry.client, entry.correlation_id)
        for entry in Audit(shelf.database).list(since_ms=0, limit=100)
    }
