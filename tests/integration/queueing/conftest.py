from tests.integration.persistence.databases import mariadb_shelf, migrated_file, shelf, sqlite_shelf
from tests.integration.queueing.lists import lists

__all__ = ["lists", "mariadb_shelf", "migrated_file", "shelf", "sqlite_shelf"]
