"""A worker's store on a real S3 server: digests are checked, results are put once, an absent store is reported."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from optfarm_storage.errors import Unavailable
from optfarm_storage.local import LocalStore
from optfarm_storage.location import S3Location
from optfarm_storage.s3 import S3Store
from optfarm_tasks.errors import DamagedObject, Internal
from optfarm_worker.errors import StoreAway
from optfarm_worker.settings import read_settings
from optfarm_worker.store import Objects, location_of
from tests.integration.stores import Flaky
from tests.servers import S3Server, free_ports

MB = 1 << 20


@pytest.fixture
def store(s3: S3Location) -> Iterator[Objects]:
    with closing(S3Store(s3)) as inner:
        yield Objects(inner)


def a_file(folder: Path, body: bytes) -> tuple[str, Path]:
    path = folder / "file"
    path.write_bytes(body)
    return hashlib.sha256(body).hexdigest(), path


@pytest.mark.parametrize("size_bytes", [0, 1000, 2 * MB, 70 * MB])
def test_what_is_pushed_comes_back(store: Objects, tmp_path: Path, size_bytes: int) -> None:
    body = (size_bytes.to_bytes(8, "big") * (size_bytes // 8 + 1))[:size_bytes]
    digest, path = a_file(tmp_path, body)

    store.push(digest, path)
    store.push(digest, path)
    store.fetch(digest, tmp_path / "fetched")

    assert (tmp_path / "fetched").read_bytes() == body


def test_a_result_is_stored_once(store: Objects) -> None:
    key = hashlib.sha256(b"once").hexdigest()

    assert store.put_result(key, b"first")
    assert not store.put_result(key, b"second")
    assert store.result(key) == b"first"


def test_a_blob_with_other_bytes_is_refused(
    store: Objects, s3: S3Location, s3_server: S3Server, tmp_path: Path
) -> None:
    digest = hashlib.sha256(b"right").hexdigest()
    s3_server.client.put_object(Bucket=s3.bucket, Key=f"blobs/{digest}", Body=b"wrong")

    with pytest.raises(DamagedObject, match=digest) as raised:
        store.fetch(digest, tmp_path / "fetched")
    assert raised.value.digest == digest


def test_a_blob_that_is_not_there_is_reported(store: Objects, tmp_path: Path) -> None:
    with pytest.raises(Internal, match="not in the store"):
        store.fetch("0" * 64, tmp_path / "fetched")


def test_nobody_waits_for_an_absent_store_when_the_task_is_cancelled(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    token: dict[str, Any] = {"worker_token": "t", "s3_access_key": "a", "s3_secret_key": "s"}
    settings = read_settings(**token, s3_endpoint=f"http://127.0.0.1:{port}")
    cancelled = threading.Event()
    cancelled.set()
    store = Objects(S3Store(location_of(settings))).cancel_with(cancelled)

    with pytest.raises(StoreAway, match="cannot be used"):
        store.fetch("0" * 64, tmp_path / "fetched")


def test_cancelling_one_task_leaves_the_store_of_the_others_alone(tmp_path: Path) -> None:
    away = Flaky(LocalStore(tmp_path), Unavailable("away"), Unavailable("away"))
    store, cancelled = Objects(away), threading.Event()
    ours = store.cancel_with(cancelled)
    cancelled.set()

    with pytest.raises(StoreAway, match="cannot be used"):
        ours.put_result("0" * 64, b"ours")
    assert store.put_result("0" * 64, b"theirs")

    assert away.calls == 3


def test_wrong_keys_are_reported_at_once(s3: S3Location, tmp_path: Path) -> None:
    token: dict[str, Any] = {"worker_token": "t", "s3_access_key": s3.access_key, "s3_secret_key": "wrong"}
    settings = read_settings(**token, s3_endpoint=s3.endpoint, s3_bucket=s3.bucket)

    with closing(S3Store(location_of(settings))) as store, pytest.raises(StoreAway, match="cannot be used"):
        Objects(store).fetch("0" * 64, tmp_path / "fetched")
