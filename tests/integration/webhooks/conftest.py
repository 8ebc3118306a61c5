from tests.integration.persistence.databases import mariadb_shelf, migrated_file, shelf, sqlite_shelf
from tests.integration.webhooks.post_office import office

__all__ = ["mariadb_shelf", "migrated_file", "office", "shelf", "sqlite_shelf"]
