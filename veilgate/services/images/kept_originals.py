"""What is kept of originals, counted now and then: uploads and erasures need not wait for a total."""

from veilgate.domain.totals import ORIGINAL_BYTES, ORIGINALS, ORIGINALS_COUNTED_AT_MS
from veilgate.persistence.kept_originals import kept_originals_after
from veilgate.persistence.unit_of_work import Database

_PAGE = 20_000


class KeptOriginals:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count_originals(self) -> None:
        """Write down how many there are and how large; roughly, for they come and go meanwhile."""
        originals, original_bytes, last_id = 0, 0, ""
        while True:
            with self._database.read() as transaction:
                page = kept_originals_after(transaction.connection, last_id, limit=_PAGE)
            if page.last_id is None:
                break
            originals, original_bytes = originals + page.originals, original_bytes + page.original_bytes
            last_id = page.last_id
        with self._database.write() as transaction:
            counted = {ORIGINALS: originals, ORIGINAL_BYTES: original_bytes}
            transaction.totals.put(**counted, **{ORIGINALS_COUNTED_AT_MS: transaction.now_ms()})
