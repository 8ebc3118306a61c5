"""Who calls, and what they may do."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

ANONYMOUS = "anonymous"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,35}")
_DIGEST_PREFIX = "sub-"


class Scope(StrEnum):
    """What a credential is good for. None includes another."""

    UPLOAD = "upload"  # send pictures, change the course of one's own jobs
    READ = "read"  # see one's own jobs and veiled pictures
    ORIGINALS = "originals"  # see one's own pictures as they were sent
    ERASE = "erase"  # delete one's own images for good
    WEBHOOKS = "webhooks"  # say where events of one's own jobs are sent
    ADMIN = "admin"  # see the state of the whole house


EVERY_SCOPE = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """`owner_id` says whose things these are; `credential_id` names the key or token, and tells no secret.

    Limits count by `credential_id`, and the audit log names it.
    """

    owner_id: str
    scopes: frozenset[Scope]
    credential_id: str


ANONYMOUS_CALLER = Caller(ANONYMOUS, EVERY_SCOPE, ANONYMOUS)


def is_owner_name(name: str) -> bool:
    """Whether an operator may give this name to an owner: what rows can hold, and not one that we give."""
    return bool(_PLAIN_NAME.fullmatch(name)) and name != ANONYMOUS and not name.startswith(_DIGEST_PREFIX)


def owner_of_subject(subject: str) -> str:
    """The owner that the subject of a token stands for: its own name where rows can hold that."""
    if is_owner_name(subject):
        return subject
    return _DIGEST_PREFIX + hashlib.sha256(subject.encode()).hexdigest()[:32]
