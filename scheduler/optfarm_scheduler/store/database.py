"""Opens the database, brings its tables up to date, and lets one writer in at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from optfarm_scheduler.errors import DatabaseFailed, NewerDatabase

_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """An engine with short transactions; on SQLite, WAL with every commit on disk."""

    def __init__(self, url: str) -> None:
        """Opens the database and migrates it.

        Raises:
            DatabaseFailed: it cannot be opened.
            NewerDatabase: its tables are of a schema that is not known here.
        """
        self._writer = threading.Lock()
        with _failing():
            self.engine = _engine(url)
            try:
                migrate(self.engine)
            except NewerDatabase:
                self.engine.dispose()
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment and writes nothing.

        Raises:
            DatabaseFailed: the database does not answer.
        """
        with _failing(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction. Writers wait for each other here: SQLite's own waiting is a sleep, which is slower.

        Raises:
            DatabaseFailed: the database does not answer, or refuses what is written.
        """
        with _failing(), self._writer, _transaction(self.engine) as connection:
            yield connection

    def check(self) -> None:
        """Asks the database for nothing.

        Raises:
            DatabaseFailed: it does not answer.
        """
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


def migrate(engine: Engine) -> None:
    """Brings the tables to the newest revision."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with _transaction(engine) as connection:
        _refuse_newer(connection, ScriptDirectory.from_config(config))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _refuse_newer(connection: Connection, known: ScriptDirectory) -> None:
    found = MigrationContext.configure(connection).get_current_heads()
    unknown = [each for each in found if each not in {script.revision for script in known.walk_revisions()}]
    if unknown:
        url = connection.engine.url.render_as_string(hide_password=True)
        raise NewerDatabase(
            f"the database {url} has the schema {unknown[0]!r}; optfarm {version('optfarm')} knows those up to "
            f"{known.get_current_head()!r}. A newer optfarm wrote it: install that one, or name another database "
            "(OPTFARM_DATABASE_URL)"
        )


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(optfarm_writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise DatabaseFailed(str(error)) from error


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # pysqlite would begin on its own terms; _begin does it on ours
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("optfarm_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
