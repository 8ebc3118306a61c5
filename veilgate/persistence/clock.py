"""The database's own clock as an SQL expression: milliseconds since 1970 UTC."""

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """`now_ms()` in a statement is the time at which the database runs it."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _sqlite(_element: now_ms, _compiler: Any, **_options: Any) -> str:
    # unixepoch('subsec') needs SQLite 3.42; Debian 12 has 3.40. A Julian day in a double is good to 0.05 ms.
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "mysql", "mariadb")
def _mysql(_element: now_ms, _compiler: Any, **_options: Any) -> str:
    return "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)"
