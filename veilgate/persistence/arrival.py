"""The order in which jobs arrived, as the indexes of each database hold it behind their own columns."""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType


class arrival(FunctionElement[Any]):  # noqa: N801 - reads as the column that it is
    """`jobs` in the order of arrival: what an index on (status, …) gives without sorting.

    InnoDB puts the primary key behind the columns of every index, and ids begin with the time; SQLite puts
    the row's number there.
    """

    type = NullType()
    inherit_cache = True


@compiles(arrival, "sqlite")
def _sqlite(_element: arrival, _compiler: Any, **_options: Any) -> str:
    return "jobs.rowid"


@compiles(arrival, "mysql", "mariadb")
def _mysql(_element: arrival, _compiler: Any, **_options: Any) -> str:
    return "jobs.id"
