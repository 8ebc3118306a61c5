from tests.integration.persistence.databases import migrated_file, shelf

__all__ = ["migrated_file", "shelf"]
