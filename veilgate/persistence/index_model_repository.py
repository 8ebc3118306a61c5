"""Which embedding model answers, and which is being built up to."""

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from veilgate.domain.search import IndexModelState
from veilgate.persistence.clock import now_ms
from veilgate.persistence.search_records import IndexModel
from veilgate.persistence.tables.search import index_models

_M = index_models.c


class IndexModelRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[IndexModel]:
        rows = self._connection.execute(
            select(_M.model_id, _M.dimensions, _M.state, _M.changed_at_ms).order_by(_M.changed_at_ms)
        )
        return [IndexModel(row[0], row[1], IndexModelState(row[2]), row[3]) for row in rows]

    def serving(self) -> IndexModel | None:
        return next((model for model in self.all() if model.state is IndexModelState.SERVING), None)

    def add(self, model_id: str, *, dimensions: int) -> None:
        """Make it known, unless it is: it serves where none does, else it is to be built up to."""
        if any(model.model_id == model_id for model in self.all()):
            return
        state = IndexModelState.BUILDING if self.serving() else IndexModelState.SERVING
        savepoint = self._connection.begin_nested()
        try:
            self._connection.execute(
                index_models.insert().values(
                    model_id=model_id, dimensions=dimensions, state=state, changed_at_ms=now_ms()
                )
            )
        except IntegrityError:
            savepoint.rollback()
        else:
            savepoint.commit()

    def switch_to(self, model_id: str) -> None:
        """From now on it answers, and no other. It has been named for as long as before: an index of it stays
        good."""
        self._connection.execute(index_models.delete().where(_M.model_id != model_id))
        self._connection.execute(
            update(index_models).where(_M.model_id == model_id).values(state=IndexModelState.SERVING)
        )

    def forget(self, model_id: str) -> None:
        self._connection.execute(index_models.delete().where(_M.model_id == model_id))
