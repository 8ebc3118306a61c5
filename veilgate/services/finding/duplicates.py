"""Groups of images that look nearly the same, for their owner to look through."""

from dataclasses import dataclass

from veilgate.domain.cursors import cursor_to, place_in
from veilgate.domain.ids import is_id
from veilgate.domain.rejections import InvalidCursor
from veilgate.persistence.duplicate_repository import DuplicateRepository, GroupMember
from veilgate.persistence.unit_of_work import Database

# Members of a group that an answer lists; the count says how many there are.
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """`images`: the earliest of its members."""

    group_id: str
    count: int
    images: tuple[GroupMember, ...]


@dataclass(frozen=True, slots=True)
class DuplicatesPage:
    """`next` is the cursor of the following page."""

    groups: tuple[DuplicateGroup, ...]
    next: str | None


class Duplicates:
    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, owner_id: str, *, min_size: int, limit: int, cursor: str | None = None) -> DuplicatesPage:
        """Groups with at least `min_size` living members, those that began last first. A group that began
        after the first page was read is not on those that follow. Raises `InvalidCursor`."""
        pages_of = f"duplicates {min_size}"
        before = _group_before(cursor, of=pages_of)
        with self._database.read() as transaction:
            repository = DuplicateRepository(transaction.connection)
            sizes = repository.groups(owner_id, before=before, min_size=min_size, limit=limit + 1)
            listed = sizes[:limit]
            members = repository.members(
                [group.group_id for group in listed], owner_id=owner_id, most_of_each=MOST_LISTED
            )
        groups = tuple(
            DuplicateGroup(group.group_id, group.count, tuple(members[group.group_id]))
            for group in listed
            if len(members[group.group_id]) > 1  # unless they were erased since they were counted
        )
        is_last = len(sizes) <= limit
        return DuplicatesPage(groups, None if is_last else cursor_to([listed[-1].group_id], of=pages_of))


def _group_before(cursor: str | None, *, of: str) -> str | None:
    if cursor is None:
        return None
    match place_in(cursor, of=of):
        case [str() as group_id] if is_id(group_id):
            return group_id
    raise InvalidCursor
