"""A restore that has not ended: its database waits beside the place that it takes as the last step."""

from pathlib import Path

from veilgate.domain.errors import ConfigurationError


def waiting_database(database_file: Path) -> Path:
    """Where the database of a restore waits; as long as it is there, nobody opens `database_file`."""
    return database_file.with_name(f"{database_file.name}.restoring")


def require_no_unfinished_restore(database_file: Path) -> None:
    """Raises `ConfigurationError`: a house with some of its pictures and an empty database would remove
    them all as nobody's."""
    waiting = waiting_database(database_file)
    if waiting.exists():
        raise ConfigurationError(
            f"DATA_DIR: a restore was cut off, {waiting} is there: begin it again with veilgate restore"
        )
