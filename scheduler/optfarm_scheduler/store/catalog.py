"""The names under which models and data sets are known."""

import difflib
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Table, desc, insert, or_, select, update

from optfarm_scheduler.errors import Conflict, NotFound
from optfarm_scheduler.store.database import Database
from optfarm_scheduler.store.tables import DATA, MODELS, SWEEPS
from optfarm_tasks.schema.catalog import Data, Model, NewData, NewModel
from optfarm_tasks.schema.name import normal
from optfarm_tasks.schema.tree import Tree

_WORDS = {MODELS.name: "model", DATA.name: "data set"}
Known = TypeVar("Known", bound=Model | Data)


class Catalog(Generic[Known]):
    """Registered trees of one kind, by name and by digest."""

    def __init__(self, database: Database, table: Table, kind: type[Known]) -> None:
        self._database = database
        self._table = table
        self._kind = kind

    def register(self, new: NewModel | NewData, *, now: float) -> Known:
        """Makes a name mean a tree, and says what it meant before; the same again changes nothing else.

        A file that was pushed under another file name is taken for that one, so that what was made of it is found.
        """
        table = self._table
        named = select(table.c.digest).where(table.c.name == new.name).order_by(desc(table.c.named_at)).limit(1)
        with self._database.writing() as connection:
            tree = self._known(connection, new.tree)
            digest = tree.digest
            same = (table.c.name == new.name) & (table.c.digest == digest)
            body = new.model_copy(update={"tree": tree}).model_dump(mode="json", include={"tree", "description"})
            before = connection.execute(named).scalar_one_or_none()
            changed = connection.execute(
                update(table).where(same).values(named_at=now, description=body["description"])
            ).rowcount
            if not changed:
                row = {"name": new.name, "digest": digest, "created_at": now, "named_at": now}
                connection.execute(insert(table).values(row | body))
            replaced = None if before == digest else before
            return self._read(connection.execute(select(table).where(same)).one(), replaced=replaced)

    def find(self, name: str) -> Known:
        """What a name means now, in whatever form it is written, or the tree of a digest.

        Raises:
            NotFound: there is neither; the message suggests the nearest name.
        """
        table, name = self._table, normal(name)
        wanted = or_(table.c.name == name, table.c.digest == name)
        with self._database.reading() as connection:
            # A name wins over a digest, however unlikely it is that one looks like the other.
            order = (desc(table.c.name == name), desc(table.c.named_at))
            row = connection.execute(select(table).where(wanted).order_by(*order).limit(1)).first()
            if row is None:
                raise NotFound(self._absent(connection, name))
            return self._read(row)

    def renamed(self, name: str, new: str) -> tuple[Known, ...]:
        """Every tree that has had a name, under another one, the last named first; nothing is changed.

        Raises:
            NotFound: there is no such name.
            Conflict: the other one means something already.
        """
        with self._database.reading() as connection:
            return self._renamed(connection, name, new)

    def rename(self, name: str, new: str) -> Known:
        """Gives every tree of a name another one, and sweeps that asked for it by name go on to mean it.

        Raises:
            NotFound, Conflict: see `renamed`.
        """
        table, name = self._table, normal(name)
        with self._database.writing() as connection:
            first, *_ = self._renamed(connection, name, new)
            connection.execute(update(table).where(table.c.name == name).values(name=new))
            _follow(connection, table.name, name, new)
            return first

    def _renamed(self, connection: Connection, name: str, new: str) -> tuple[Known, ...]:
        table, name = self._table, normal(name)
        named = select(table).where(table.c.name == name).order_by(desc(table.c.named_at))
        found = [self._read(row, name=new) for row in connection.execute(named)]
        if not found:
            raise NotFound(self._absent(connection, name))
        if connection.execute(select(table.c.name).where(table.c.name == new).limit(1)).first():
            raise Conflict(f"there is a {_WORDS[table.name]} {new!r} already; choose another name")
        return tuple(found)

    def everything(self) -> tuple[Known, ...]:
        """Every registered tree, the last named first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(self._table).order_by(desc(self._table.c.named_at)))
            return tuple(self._read(row) for row in rows)

    def _known(self, connection: Connection, tree: Tree) -> Tree:
        """The registered tree of the same content, or else the tree itself."""
        content, table = content_of(tree), self._table
        is_there = connection.execute(select(table.c.digest).where(table.c.digest == tree.digest).limit(1)).first()
        if content is None or is_there:
            return tree
        others = (Tree.model_validate(each) for each in connection.execute(select(table.c.tree)).scalars())
        return next((other for other in others if content_of(other) == content), tree)

    def _absent(self, connection: Connection, name: str) -> str:
        names = sorted(set(connection.execute(select(self._table.c.name)).scalars()))
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names[:20]) or 'none'}"
        return f"there is no {_WORDS[self._table.name]} {name!r}; {hint}"

    def _read(self, row: Row[Any], *, name: str | None = None, replaced: str | None = None) -> Known:
        return self._kind(
            name=name or row.name,
            digest=row.digest,
            tree=row.tree,
            description=row.description,
            created_at=datetime.fromtimestamp(row.created_at, UTC),
            replaced=replaced,
        )


def _follow(connection: Connection, kind: str, name: str, new: str) -> None:
    """Has sweeps of a renamed model or data set say its new name, wherever they said the old one."""
    column = SWEEPS.c.model if kind == MODELS.name else SWEEPS.c.data
    for sweep_id, spec in connection.execute(select(SWEEPS.c.id, SWEEPS.c.spec).where(column == name)).all():
        asked = {column.name: new} if spec[column.name] == name else {}
        values = {column: new, SWEEPS.c.spec: spec | asked}
        connection.execute(update(SWEEPS).where(SWEEPS.c.id == sweep_id).values(values))


def content_of(tree: Tree) -> tuple[tuple[str, str], ...] | None:
    """Suffix and digest of each file, where the files' names say nothing else; None of a tree with folders."""
    if any("/" in file.path for file in tree.files):
        return None
    return tuple(sorted((PurePosixPath(file.path).suffix.lower(), file.sha256) for file in tree.files))
