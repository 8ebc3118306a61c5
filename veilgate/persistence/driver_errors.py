"""The drivers' errors in our words: one table of the numbers that MySQL and MariaDB share."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from veilgate.domain.errors import ConfigurationError, DatabaseUnavailable, DiskFull, VeilgateError

# The transaction was undone (or waited in vain for a row) through nobody's fault: the same again may succeed.
_DEADLOCKED = frozenset({1205, 1213})
_DISK_FULL = frozenset({1021, 1114})
# SQLite's, and what both servers add to errors of files.
_DISK_FULL_WORDS = ("disk is full", "disk full", "no space left on device")
READ_ONLY = frozenset({1290, 1792, 1836})
SHUTTING_DOWN = frozenset({1053})
# What PyMySQL says itself.
_NOT_ENCRYPTED = 2026
_NO_SUCH_TABLE = frozenset({1146})
# Wrong user, password, database, host or rights. Only at the start are these a setting's fault.
_REFUSED = frozenset(
    {1044, 1045, 1049, 1130, 1142, 1143, 1227, 1251, 1370, 1698, 1820, 1862, 2059, 3118, 3159, 3955}
)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raises ours for what says that the database cannot be used now; bugs of our own pass as they are."""
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailable("The database is too busy.") from error
    except DBAPIError as error:
        ours = _ours(error)
        if ours is None:
            raise
        raise ours from error


def is_deadlock(error: DatabaseUnavailable) -> bool:
    """Whether this came of a transaction that was undone for the sake of another."""
    return _number_behind(error) in _DEADLOCKED


def refusal(error: DatabaseUnavailable) -> ConfigurationError | None:
    """What the setting DATABASE_URL has to do with it, when at the start the database is not to be had."""
    cause = error.__cause__
    if not isinstance(cause, DBAPIError):
        return None
    beneath = getattr(cause.orig, "original_exception", None)
    if isinstance(beneath, socket.gaierror) and beneath.errno == socket.EAI_NONAME:
        return ConfigurationError("DATABASE_URL: no server has the name that stands in it")
    if isinstance(beneath, ssl.SSLCertVerificationError):
        return ConfigurationError(
            f"DATABASE_CA_FILE: the certificate that the database server shows is refused: "
            f"{beneath.verify_message}"
        )
    if _number_behind(error) == _NOT_ENCRYPTED:
        return ConfigurationError("DATABASE_CA_FILE: the database server offers no encrypted connections")
    if _number_behind(error) in _REFUSED and cause.orig is not None:
        # The server's sentence; it names user, host and database, and never the password.
        return ConfigurationError(f"DATABASE_URL: {cause.orig.args[-1]}")
    return None


def error_number(error: BaseException | None) -> int | None:
    """The number that MySQL gives an error; SQLite's have none."""
    number = error.args[0] if error is not None and error.args else None
    return number if isinstance(number, int) else None


def _number_behind(error: DatabaseUnavailable) -> int | None:
    cause = error.__cause__
    return error_number(cause.orig) if isinstance(cause, DBAPIError) else None


def _ours(error: DBAPIError) -> VeilgateError | None:
    number, text = error_number(error.orig), str(error.orig).lower()
    if number in _DISK_FULL or any(words in text for words in _DISK_FULL_WORDS):
        return DiskFull()
    if number in _DEADLOCKED:
        return DatabaseUnavailable("The database is too busy.")
    # What SQLite calls an interface error is a bug of ours; PyMySQL says so of a connection that broke.
    broken = number is not None and isinstance(error, (InterfaceError, InternalError))
    if error.connection_invalidated or broken or isinstance(error, OperationalError):
        return DatabaseUnavailable()
    # SQLite reports a missing table as an operational error; MySQL as one of programming.
    return DatabaseUnavailable() if number in _NO_SUCH_TABLE else None
