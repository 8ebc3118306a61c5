"""Who a credential stands for: asked of two gateways over one database, with clocks that are set by hand."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from types import SimpleNamespace

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.domain.access import Caller, Scope
from veilgate.domain.errors import DatabaseUnavailable, Unauthorized
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database
from veilgate.services.access import credentials
from veilgate.services.access.access import Access, Found
from veilgate.services.access.keys import Keys, NewKey
from veilgate.services.access.sessions import Sessions

READ = frozenset({Scope.READ})


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Provider:
    """Takes every token, for `left_s`."""

    def __init__(self, left_s: float = 3600) -> None:
        self.left_s = left_s
        self.asked: list[str] = []

    def identify(self, token: str) -> Found:
        self.asked.append(token)
        return Found(Caller(token, READ, f"jwt:{token}"), self.left_s)


@pytest.fixture
def key(shelf: Shelf) -> NewKey:
    return Keys(shelf.database).create("alice", READ)


def refused(access: Access, credential: str) -> Unauthorized:
    assert access.at_once(credential) is None
    with pytest.raises(Unauthorized) as refusal:
        access.identify(credential)
    return refusal.value


def last_used(shelf: Shelf) -> int | None:
    (row,) = shelf.rows("SELECT last_used_at_ms FROM api_keys")
    found: int | None = row["last_used_at_ms"]
    return found


def test_a_good_key_is_its_owner(shelf: Shelf, key: NewKey) -> None:
    access = Access(shelf.database)
    assert access.at_once(key.text) is None, "nobody has looked yet"
    caller = Caller("alice", READ, f"key:{key.record.prefix}")
    assert access.identify(key.text) == access.at_once(key.text) == caller


def wrong_texts(key: NewKey) -> list[str]:
    text, prefix = key.text, key.record.prefix
    other = "B" if text[-1] == "A" else "A"
    by_one = [text[:place] + ("_" if text[place] != "_" else "-") + text[place + 1 :] for place in range(59)]
    return [
        *by_one,
        text[:-1] + other,
        text[:-1],
        text + "A",
        f" {text}",
        f"{text}\n",
        text.swapcase(),
        prefix,
        f"vg_{prefix}",
        f"vg_{prefix}_",
        f"vg_{prefix}_{'A' * 43}",
        f"vgs_{text.removeprefix('vg_')}",
        f"vg_%%%%%%%%%%%%_{text[16:]}",
        "",
        "vg_",
        "é" * 59,
        "\udc80" * 59,
        "\0",
        "a" * 100_000,
        "a.b.c",
    ]


def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(shelf: Shelf, key: NewKey) -> None:
    keys, access = Keys(shelf.database), Access(shelf.database)
    revoked, expired = keys.create("alice", READ), keys.create("alice", READ)
    keys.revoke(revoked.record.prefix)
    with shelf.database.write() as transaction:
        transaction.keys.expire_within(expired.record.prefix, -1)
    texts = [*wrong_texts(key), revoked.text, expired.text]
    refusals = [refused(access, text) for text in texts]
    assert {(refusal.message, refusal.code, refusal.__cause__) for refusal in refusals} == {
        (Unauthorized().message, "unauthorized", None)
    }
    assert access.identify(key.text)


def test_an_unknown_key_costs_as_much_as_a_wrong_one(
    shelf: Shelf, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are asked for once and compared with something of the same length once."""
    compared: list[tuple[int, int]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(credentials, "hmac", SimpleNamespace(compare_digest=compare))
    access = Access(shelf.database)
    for text in (f"vg_{key.record.prefix}_{'A' * 43}", f"vg_aaaaaaaaaaaa_{'A' * 43}"):
        refused(access, text)
        assert compared.pop() == (64, 64)
        assert not compared


@pytest.mark.parametrize("end", ["revoked", "expired", "rotated"])
def test_the_end_of_a_key_is_felt_in_every_gateway_within_five_seconds(
    shelf: Shelf, key: NewKey, end: str
) -> None:
    clock = Clock()
    gateways = [Access(shelf.database, clock=clock), Access(Database(open_engine(shelf.url)), clock=clock)]
    for gateway in gateways:
        gateway.identify(key.text)
    keys, prefix = Keys(shelf.database), key.record.prefix
    if end == "revoked":
        keys.revoke(prefix)
    elif end == "rotated":
        keys.rotate(prefix, overlap_s=0)
    else:
        with shelf.database.write() as transaction:
            transaction.keys.expire_within(prefix, -1)
    clock.now_s += 4.999
    for gateway in gateways:
        assert gateway.at_once(key.text), "what was looked up is believed for a while"
    clock.now_s += 0.001
    for gateway in gateways:
        refused(gateway, key.text)
    gateways[1]._database.close()


def test_a_key_that_expires_in_a_moment_is_not_believed_for_longer(shelf: Shelf) -> None:
    clock = Clock()
    access = Access(shelf.database, clock=clock)
    key = Keys(shelf.database).create("alice", READ, expires_in_s=2)
    access.identify(key.text)
    assert access.at_once(key.text)
    clock.now_s += 2
    assert access.at_once(key.text) is None


def test_a_rotated_key_works_through_the_overlap(shelf: Shelf, key: NewKey) -> None:
    access = Access(shelf.database)
    new = Keys(shelf.database).rotate(key.record.prefix, overlap_s=3600)
    assert {access.identify(text).owner_id for text in (key.text, new.text)} == {"alice"}


def test_no_secret_is_remembered_and_no_refusal(shelf: Shelf, key: NewKey) -> None:
    access = Access(shelf.database)
    access.identify(key.text)
    wrong = f"vg_{key.record.prefix}_{'A' * 43}"
    refused(access, wrong)
    assert len(access._known) == 1
    assert key.text[16:] not in repr(access._known)


def test_the_newest_ten_thousand_are_remembered(sqlite_shelf: Shelf) -> None:
    access = Access(sqlite_shelf.database, Provider())
    for number in range(10_001):
        access.identify(f"token-{number}")
    assert len(access._known) == 10_000
    assert access.at_once("token-0") is None
    assert access.at_once("token-1")
    assert access.at_once("token-10000")


def test_tokens_are_asked_about_as_often_and_not_believed_beyond_their_end(sqlite_shelf: Shelf) -> None:
    clock, provider = Clock(), Provider(left_s=3)
    access = Access(sqlite_shelf.database, provider, clock=clock)
    for _ in range(3):
        assert access.identify("token").credential_id == "jwt:token"
    assert provider.asked == ["token"]
    clock.now_s += 3
    assert access.at_once("token") is None
    refused(Access(sqlite_shelf.database), "token")


def test_what_is_closed_while_it_is_looked_up_is_not_remembered(sqlite_shelf: Shelf) -> None:
    class Closing(Provider):
        def identify(self, token: str) -> Found:
            access.forget(token)
            return super().identify(token)

    access = Access(sqlite_shelf.database, Closing())
    assert access.identify("token")
    assert access.at_once("token") is None


def test_use_is_written_down_once_a_minute(shelf: Shelf, key: NewKey) -> None:
    clock = Clock()
    access = Access(shelf.database, clock=clock)
    access.identify(key.text)
    first = last_used(shelf)
    assert first is not None
    assert 0 <= first - key.record.created_at_ms < 60_000
    for seconds_ago, is_written in ((59, False), (61, True)):
        with shelf.database.write() as transaction:
            transaction.connection.exec_driver_sql(
                f"UPDATE api_keys SET last_used_at_ms = {first - seconds_ago * 1000}"  # noqa: S608
            )
        clock.now_s += 5
        access.identify(key.text)
        assert (last_used(shelf) == first - seconds_ago * 1000) is not is_written


def test_use_of_a_session_is_use_of_its_key(shelf: Shelf, key: NewKey) -> None:
    access = Access(shelf.database)
    session = Sessions(shelf.database, access, lifetime_s=60).open(key.text)
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE api_keys SET last_used_at_ms = NULL")
    assert access.identify(session.cookie).credential_id == f"key:{key.record.prefix}"
    assert last_used(shelf) is not None


def test_nobody_waits_while_somebody_else_writes(shelf: Shelf, key: NewKey) -> None:
    others = Database(open_engine(shelf.url))
    for writer in (shelf.database, others):
        with writer.write() as transaction:
            transaction.keys.hold(key.record.prefix)
            began_s = monotonic()
            assert Access(shelf.database).identify(key.text)
            assert monotonic() - began_s < 1, "others wait for up to five seconds"
    assert last_used(shelf) is None
    others.close()
    Access(shelf.database).identify(key.text)
    assert last_used(shelf) is not None


def test_the_connections_are_as_patient_afterwards(sqlite_shelf: Shelf) -> None:
    key = Keys(sqlite_shelf.database).create("alice", READ)
    others = Database(open_engine(sqlite_shelf.url))
    Access(sqlite_shelf.database).identify(key.text)
    with others.write():
        Access(sqlite_shelf.database).identify(key.text)
    others.close()
    assert sqlite_shelf.rows("PRAGMA busy_timeout") == [{"timeout": 5000}]


def test_a_use_that_cannot_be_written_down_is_no_failure(shelf: Shelf, key: NewKey) -> None:
    refusal = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    if shelf.is_server:
        refusal = "FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'full'"
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql(f"CREATE TRIGGER full BEFORE UPDATE ON api_keys {refusal}")
    assert Access(shelf.database).identify(key.text)
    assert last_used(shelf) is None


def test_many_at_once_are_all_answered(shelf: Shelf, key: NewKey) -> None:
    access = Access(shelf.database)
    with ThreadPoolExecutor(16) as threads:
        callers = list(threads.map(access.identify, [key.text] * 64))
    assert {caller.owner_id for caller in callers} == {"alice"}
    assert last_used(shelf) is not None


def test_whether_a_key_is_good_cannot_be_told_while_the_database_is_away(
    sqlite_shelf: Shelf, tmp_path: Path
) -> None:
    clock = Clock()
    access = Access(sqlite_shelf.database, clock=clock)
    key = Keys(sqlite_shelf.database).create("alice", READ)
    access.identify(key.text)
    shutil.move(sqlite_shelf.path, tmp_path / "elsewhere")
    clock.now_s += 4.9
    assert access.identify(key.text), "looked up a moment ago"
    clock.now_s += 0.1
    assert access.at_once(key.text) is None
    for credential in (key.text, f"vg_aaaaaaaaaaaa_{'A' * 43}", f"vgs_aaaaaaaaaaaa_{'A' * 43}"):
        with pytest.raises(DatabaseUnavailable):
            access.identify(credential)
