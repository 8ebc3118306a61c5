"""What the drivers say, in our words: those that no test can bring a real server to say."""

import socket
import sqlite3

import pymysql
import pytest
from sqlalchemy.exc import DBAPIError

from veilgate.domain.errors import DatabaseUnavailable, DiskFull, VeilgateError
from veilgate.persistence.driver_errors import is_deadlock, refusal, translated_errors


def raised(orig: Exception, base: type[Exception]) -> Exception:
    """What a caller of the database gets when the driver raises `orig`."""
    error = DBAPIError.instance("SELECT 1", None, orig, base)
    with pytest.raises((VeilgateError, DBAPIError)) as caught, translated_errors():
        raise error
    return caught.value


def said(number: int, words: str = "words") -> Exception:
    """As PyMySQL says it: which class it takes depends on the number."""
    kind = pymysql.err.error_map.get(number) or (
        pymysql.err.InternalError if number < 1000 else pymysql.err.OperationalError
    )
    return raised(kind(number, words), pymysql.err.Error)


@pytest.mark.parametrize("number", [1021, 1114])
def test_no_space_is_a_full_disk(number: int) -> None:
    assert isinstance(said(number), DiskFull)


def test_a_file_that_cannot_be_written_for_want_of_space_is_a_full_disk() -> None:
    text = "Error writing file '/tmp/x' (Errcode: 28 \"No space left on device\")"
    assert isinstance(said(3, text), DiskFull)
    assert not isinstance(said(3, text.replace("28", "5").replace("No space left on", "Broken")), DiskFull)


@pytest.mark.parametrize(
    "number", [1040, 1053, 1146, 1203, 1205, 1213, 1226, 1290, 1317, 1836, 2003, 2006, 2013]
)
def test_what_may_pass_is_unavailable(number: int) -> None:
    error = said(number)
    assert isinstance(error, DatabaseUnavailable)
    assert is_deadlock(error) is (number in {1205, 1213})
    assert refusal(error) is None


@pytest.mark.parametrize("number", [1044, 1045, 1049, 1130, 1142, 1698, 1820, 3118, 3159])
def test_what_a_setting_can_be_blamed_for_is_unavailable_until_the_start_asks(number: int) -> None:
    error = said(number, "Access denied")
    assert isinstance(error, DatabaseUnavailable)
    fault = refusal(error)
    assert fault
    assert fault.message == "DATABASE_URL: Access denied"


@pytest.mark.parametrize("number", [1048, 1062, 1064, 1264, 1366, 1406, 1452])
def test_bugs_of_ours_and_refused_values_pass_as_they_are(number: int) -> None:
    assert isinstance(said(number), DBAPIError)


@pytest.mark.parametrize(("code", "is_wrong"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)])
def test_a_name_that_does_not_exist_is_told_from_a_name_server_that_is_away(
    code: int, *, is_wrong: bool
) -> None:
    orig = pymysql.err.OperationalError(2003, "Can't connect")
    orig.original_exception = socket.gaierror(code, "words")
    error = raised(orig, pymysql.err.Error)
    assert isinstance(error, DatabaseUnavailable)
    assert (refusal(error) is not None) is is_wrong


def test_a_value_that_sqlite_does_not_take_is_a_bug_of_ours() -> None:
    assert isinstance(raised(sqlite3.InterfaceError("Error binding parameter"), sqlite3.Error), DBAPIError)
    assert isinstance(raised(sqlite3.OperationalError("locked"), sqlite3.Error), DatabaseUnavailable)
