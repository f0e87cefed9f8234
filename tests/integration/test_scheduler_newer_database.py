"""A database that a newer version wrote is refused in a line, and left as it is."""

import os
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest
from sqlalchemy import text

from optfarm_scheduler.errors import NewerDatabase
from optfarm_scheduler.store.database import Database


@pytest.fixture
def newer(database_url: str) -> str:
    """A database whose tables have a schema of later times."""
    with closing(Database(database_url)) as database, database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    return database_url


def test_a_newer_database_ends_the_scheduler_with_one_line_and_a_code_of_its_own(newer: str, tmp_path: Path) -> None:
    settings = {
        "OPTFARM_CONFIG": str(tmp_path / "none.toml"),
        "OPTFARM_TOKEN": "people",
        "OPTFARM_WORKER_TOKEN": "workers",
        "OPTFARM_BROKER_URL": "redis://127.0.0.1:1/0",
        "OPTFARM_DATABASE_URL": newer,
        "OPTFARM_S3_ENDPOINT": "http://127.0.0.1:1",
        "OPTFARM_S3_BUCKET": "farm",
        "OPTFARM_S3_ACCESS_KEY": "x",
        "OPTFARM_S3_SECRET_KEY": "x",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "optfarm_scheduler"],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 3
    assert line.startswith("optfarm-scheduler cannot start: the database ")
    assert f"has the schema '0999'; optfarm {version('optfarm')} knows those up to '" in line
    assert "install that one, or name another database (OPTFARM_DATABASE_URL)" in line


def test_a_newer_database_is_left_as_it_is(newer: str) -> None:
    for _ in range(2):
        with pytest.raises(NewerDatabase):
            Database(newer)
