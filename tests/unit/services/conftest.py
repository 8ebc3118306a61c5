from tests.integration.persistence.databases import mariadb_shelf, migrated_file, shelf, sqlite_shelf

__all__ = ["mariadb_shelf", "migrated_file", "shelf", "sqlite_shelf"]
