"""Fixtures that several tests of joined parts use."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optfarm_storage.retry import Retry
from optfarm_storage.store import ObjectStore
from tests.integration.stores import Case, in_bucket, in_folder
from tests.postgres import Postgres, running

if TYPE_CHECKING:
    from optfarm_storage.location import S3Location
    from tests.servers import S3Server


@pytest.fixture(params=["local", "s3", "local, retrying", "s3, retrying"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """Every kind of store, bare and wrapped in retries."""
    kind, _, wrapping = request.param.partition(", ")
    if kind == "local":
        made = in_folder(tmp_path / "store")
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        location: S3Location = request.getfixturevalue("s3")
        made = in_bucket(location, server.client)
    yield Case(Retry(made.store), made.smuggle, made.close) if wrapping else made
    made.close()


@pytest.fixture
def store(case: Case) -> ObjectStore:
    """Every kind of store."""
    return case.store


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of every kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/farm.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()
