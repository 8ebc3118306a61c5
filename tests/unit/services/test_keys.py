"""API keys: what is kept of them, whom they may be given, how they end."""

import hashlib
import re

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.domain.access import Scope
from veilgate.domain.errors import DatabaseUnavailable
from veilgate.domain.rejections import InvalidOption
from veilgate.persistence.access_records import ApiKeyRecord
from veilgate.services.access.audit import Audit
from veilgate.services.access.keys import Keys

READ = frozenset({Scope.READ})


def audited(shelf: Shelf) -> set[tuple[str, str, str, str]]:
    entries = Audit(shelf.database).list(since_ms=0, limit=100)
    return {(entry.action, entry.owner_id, entry.actor, entry.subject) for entry in entries}


def found(keys: Keys, prefix: str) -> ApiKeyRecord:
    (record,) = [record for record in keys.list() if record.prefix == prefix]
    return record


def test_a_key_is_256_bits_of_which_a_digest_is_kept(shelf: Shelf) -> None:
    keys = Keys(shelf.database)
    made = [keys.create("alice", READ) for _ in range(20)]
    assert len({key.text for key in made}) == len({key.record.prefix for key in made}) == 20
    for key in made:
        assert re.fullmatch(rf"vg_{key.record.prefix}_[A-Za-z0-9_-]{{43}}", key.text)
        assert re.fullmatch(r"[a-z0-9]{12}", key.record.prefix)
        assert key.text[16:] not in repr(key)
    kept = shelf.rows("SELECT * FROM api_keys")
    assert {row["secret_sha256"] for row in kept} == {
        hashlib.sha256(key.text.encode()).hexdigest() for key in made
    }
    assert not [key for key in made if key.text[16:] in repr(kept)]


def test_what_was_asked_for_is_kept(shelf: Shelf) -> None:
    keys = Keys(shelf.database, actor="cli:operator")
    everything = frozenset(Scope)
    forever = keys.create("alice", everything, name="Büro ☂").record
    short = keys.create("bob@example", READ, name="", expires_in_s=60).record
    assert (forever.owner_id, forever.scopes, forever.name) == ("alice", everything, "Büro ☂")
    assert (forever.expires_at_ms, forever.last_used_at_ms, forever.state) == (None, None, "usable")
    assert short.expires_at_ms == short.created_at_ms + 60_000
    assert list(keys.list()) == [forever, short]
    assert list(keys.list("alice")) == [forever]
    assert list(keys.list("nobody")) == []
    assert audited(shelf) == {
        ("key.created", "alice", "cli:operator", f"key:{forever.prefix}"),
        ("key.created", "bob@example", "cli:operator", f"key:{short.prefix}"),
    }


@pytest.mark.parametrize("owner", ["anonymous", "", "a b", "sub-0123", "a" * 37, "a\n", "ä", "'; --"])
def test_some_names_are_nobodys(sqlite_shelf: Shelf, owner: str) -> None:
    with pytest.raises(InvalidOption, match="owner"):
        Keys(sqlite_shelf.database).create(owner, READ)
    assert sqlite_shelf.rows("SELECT * FROM api_keys") == sqlite_shelf.rows("SELECT * FROM audit_log") == []


def test_a_key_must_be_good_for_something_and_for_some_time(sqlite_shelf: Shelf) -> None:
    keys = Keys(sqlite_shelf.database)
    with pytest.raises(InvalidOption, match="scope"):
        keys.create("alice", frozenset())
    for seconds in (0, -1):
        with pytest.raises(InvalidOption, match="time"):
            keys.create("alice", READ, expires_in_s=seconds)
    for name in ("a" * 81, "two\nlines", "\x1b[31m", "\u202e"):
        with pytest.raises(InvalidOption, match="name"):
            keys.create("alice", READ, name=name)
    assert keys.create("alice", READ, name="☂" * 80).record.name == "☂" * 80


def test_a_revoked_key_stays_revoked(shelf: Shelf) -> None:
    keys = Keys(shelf.database)
    prefix = keys.create("alice", READ).record.prefix
    assert keys.revoke(prefix)
    first = found(keys, prefix).revoked_at_ms
    assert not keys.revoke(prefix)
    assert (found(keys, prefix).revoked_at_ms, found(keys, prefix).state) == (first, "revoked")
    revoked = [entry for entry in audited(shelf) if entry[0] == "key.revoked"]
    assert revoked == [("key.revoked", "alice", "cli", f"key:{prefix}")]


def test_rotation_lets_both_work_for_a_while(shelf: Shelf) -> None:
    keys = Keys(shelf.database)
    old = keys.create("alice", frozenset({Scope.READ, Scope.UPLOAD}), name="shop").record
    new = keys.rotate(old.prefix, overlap_s=3600)
    assert (new.record.owner_id, new.record.name, new.record.scopes) == ("alice", "shop", old.scopes)
    assert new.record.expires_at_ms is None, "as the old one"
    left = found(keys, old.prefix)
    assert left.is_usable
    assert left.expires_at_ms is not None
    assert 0 <= left.expires_at_ms - new.record.created_at_ms - 3_600_000 < 5000
    assert {entry[0] for entry in audited(shelf)} == {"key.created", "key.rotated"}
    assert ("key.rotated", "alice", "cli", f"key:{old.prefix}") in audited(shelf)


def test_rotation_gives_nobody_more_time_than_they_had(shelf: Shelf) -> None:
    keys = Keys(shelf.database)
    old = keys.create("alice", READ, expires_in_s=60).record
    new = keys.rotate(old.prefix, overlap_s=86_400).record
    assert found(keys, old.prefix).expires_at_ms == old.expires_at_ms, "it ends before the overlap"
    assert new.expires_at_ms == new.created_at_ms + 60_000


def test_what_has_ended_is_not_rotated(shelf: Shelf) -> None:
    keys = Keys(shelf.database)
    revoked = keys.create("alice", READ).record.prefix
    expired = keys.create("alice", READ, expires_in_s=60).record.prefix
    keys.revoke(revoked)
    expire(shelf, expired)
    assert found(keys, expired).state == "expired"
    for prefix in (revoked, expired):
        with pytest.raises(InvalidOption, match="expired"):
            keys.rotate(prefix, overlap_s=60)
    assert len(keys.list()) == 2


@pytest.mark.parametrize("prefix", ["000000000000", "", "%", "' OR 1=1 --", "vg_"])
def test_a_key_that_is_not_there(sqlite_shelf: Shelf, prefix: str) -> None:
    keys = Keys(sqlite_shelf.database)
    keys.create("alice", READ)
    with pytest.raises(InvalidOption, match="no such key"):
        keys.revoke(prefix)
    with pytest.raises(InvalidOption, match="no such key"):
        keys.rotate(prefix, overlap_s=60)


def test_what_is_not_written_down_does_not_happen(shelf: Shelf) -> None:
    keys = Keys(shelf.database)
    prefix = keys.create("alice", READ).record.prefix
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("DROP TABLE audit_log")
    for change in (
        lambda: keys.create("alice", READ),
        lambda: keys.revoke(prefix),
        lambda: keys.rotate(prefix, overlap_s=60),
    ):
        with pytest.raises(DatabaseUnavailable):
            change()
    assert [(record.prefix, record.state, record.expires_at_ms) for record in keys.list()] == [
        (prefix, "usable", None)
    ]


def test_whether_anybody_has_a_key(shelf: Shelf) -> None:
    keys = Keys(shelf.database)
    assert not keys.any_usable()
    first = keys.create("alice", READ, expires_in_s=60).record.prefix
    assert keys.any_usable()
    expire(shelf, first)
    assert not keys.any_usable()
    second = keys.create("alice", READ).record.prefix
    assert keys.any_usable()
    keys.revoke(second)
    assert not keys.any_usable()


def expire(shelf: Shelf, prefix: str) -> None:
    with shelf.database.write() as transaction:
        transaction.keys.expire_within(prefix, -1)
