from tests.integration.persistence.databases import migrated_file, shelf
from tests.integration.queueing.lists import lists

__all__ = ["lists", "migrated_file", "shelf"]
