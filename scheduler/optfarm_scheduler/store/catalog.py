"""The names under which models and data sets are known."""

import difflib
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Table, desc, insert, or_, select, update

from optfarm_scheduler.errors import NotFound
from optfarm_scheduler.store.database import Database
from optfarm_tasks.schema.catalog import Data, Model, NewData, NewModel

Known = TypeVar("Known", bound=Model | Data)


class Catalog(Generic[Known]):
    """Registered trees of one kind, by name and by digest."""

    def __init__(self, database: Database, table: Table, kind: type[Known]) -> None:
        self._database = database
        self._table = table
        self._kind = kind

    def register(self, new: NewModel | NewData, *, now: float) -> Known:
        """Makes a name mean a tree, and says what it meant before; the same again changes nothing else."""
        table, digest = self._table, new.tree.digest
        same = (table.c.name == new.name) & (table.c.digest == digest)
        body = new.model_dump(mode="json", include={"tree", "description"})
        named = select(table.c.digest).where(table.c.name == new.name).order_by(desc(table.c.named_at)).limit(1)
        with self._database.writing() as connection:
            before = connection.execute(named).scalar_one_or_none()
            changed = connection.execute(update(table).where(same).values(named_at=now)).rowcount
            if not changed:
                row = {"name": new.name, "digest": digest, "created_at": now, "named_at": now}
                connection.execute(insert(table).values(row | body))
            known = self._read(connection.execute(select(table).where(same)).one())
        return known if before in (None, digest) else known.model_copy(update={"replaced": before})

    def find(self, name: str) -> Known:
        """What a name means now, or the tree of a digest.

        Raises:
            NotFound: there is neither; the message suggests the nearest name.
        """
        table = self._table
        wanted = or_(table.c.name == name, table.c.digest == name)
        with self._database.reading() as connection:
            # A name wins over a digest, however unlikely it is that one looks like the other.
            order = (desc(table.c.name == name), desc(table.c.named_at))
            row = connection.execute(select(table).where(wanted).order_by(*order).limit(1)).first()
            if row is None:
                raise NotFound(self._absent(connection, name))
            return self._read(row)

    def everything(self) -> tuple[Known, ...]:
        """Every registered tree, the last named first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(self._table).order_by(desc(self._table.c.named_at)))
            return tuple(self._read(row) for row in rows)

    def _absent(self, connection: Connection, name: str) -> str:
        names = sorted(set(connection.execute(select(self._table.c.name)).scalars()))
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names[:20]) or 'none'}"
        return f"there is no {self._kind.__name__.lower()} {name!r}; {hint}"

    def _read(self, row: Row[Any]) -> Known:
        return self._kind(
            name=row.name,
            digest=row.digest,
            tree=row.tree,
            description=row.description,
            created_at=datetime.fromtimestamp(row.created_at, UTC),
        )
