from tests.integration.persistence.databases import mariadb_shelf, migrated_file, shelf, sqlite_shelf
from tests.integration.persistence.shelved_images import library

__all__ = ["library", "mariadb_shelf", "migrated_file", "shelf", "sqlite_shelf"]
