"""A PostgreSQL server of the tests' own, from its pip wheel."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy.engine import make_url


class Postgres:
    """A running server."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"farm_{uuid4().hex}"
        self._server.psql(f"CREATE DATABASE {name};")
        url = make_url(self._server.get_uri(name)).set(drivername="postgresql+psycopg")
        return url.render_as_string(hide_password=False)


@contextmanager
def running() -> Iterator[Postgres]:
    """A server, there inside the block."""
    with warnings.catch_warnings():
        # It asks for a folder of the user's session, which a container does not have.
        warnings.simplefilter("ignore")
        import pgserver  # noqa: PLC0415 (its import warns)

    # Started by root it becomes another user, which pytest's own folders keep out.
    folder = Path(tempfile.mkdtemp(prefix="optfarm-postgres-"))
    folder.chmod(0o755)
    server = pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
