"""A worker's store on a real S3 server: digests are checked, results are put once, an absent store is told."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.worker_services import KEYS, bucket, free_ports

from optfarm_tasks.errors import Internal
from optfarm_worker.errors import Corrupt, StoreAway
from optfarm_worker.s3 import S3Store, store_of
from optfarm_worker.settings import read_settings

MB = 1 << 20


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with bucket(tmp_path_factory.mktemp("bucket")) as client:
        yield client


@pytest.fixture
def store(s3: Any) -> S3Store:
    return S3Store(s3, "farm")


def a_file(folder: Path, body: bytes) -> tuple[str, Path]:
    path = folder / "file"
    path.write_bytes(body)
    return hashlib.sha256(body).hexdigest(), path


@pytest.mark.parametrize("size_bytes", [0, 1000, 2 * MB, 70 * MB])
def test_what_is_pushed_comes_back(store: S3Store, tmp_path: Path, size_bytes: int) -> None:
    body = (size_bytes.to_bytes(8, "big") * (size_bytes // 8 + 1))[:size_bytes]
    digest, path = a_file(tmp_path, body)

    store.push(digest, path)
    store.push(digest, path)
    store.fetch(digest, tmp_path / "fetched")

    assert (tmp_path / "fetched").read_bytes() == body


def test_a_result_is_stored_once(store: S3Store) -> None:
    key = hashlib.sha256(b"once").hexdigest()

    assert store.put_result(key, b"first")
    assert not store.put_result(key, b"second")
    assert store.result(key) == b"first"


def test_a_blob_with_other_bytes_is_refused(store: S3Store, s3: Any, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"right").hexdigest()
    s3.put_object(Bucket="farm", Key=f"blobs/{digest}", Body=b"wrong")

    with pytest.raises(Corrupt, match=digest):
        store.fetch(digest, tmp_path / "fetched")


def test_a_blob_that_is_not_there_is_told(store: S3Store, tmp_path: Path) -> None:
    with pytest.raises(Internal, match="not in the store"):
        store.fetch("0" * 64, tmp_path / "fetched")


def test_nobody_waits_for_an_absent_store_when_the_work_is_over(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    token: dict[str, Any] = {"worker_token": "t", "s3_access_key": "a", "s3_secret_key": "s"}
    store = store_of(read_settings(**token, s3_endpoint=f"http://127.0.0.1:{port}"))
    over = threading.Event()
    over.set()
    store.obey(over)

    with pytest.raises(StoreAway, match="cannot be used"):
        store.fetch("0" * 64, tmp_path / "fetched")


def test_wrong_keys_are_told_at_once(s3: Any, tmp_path: Path) -> None:
    token: dict[str, Any] = {"worker_token": "t", "s3_access_key": KEYS["AWS_ACCESS_KEY_ID"], "s3_secret_key": "wrong"}
    store = store_of(read_settings(**token, s3_endpoint=s3.meta.endpoint_url))

    with pytest.raises(StoreAway, match="cannot be used"):
        store.fetch("0" * 64, tmp_path / "fetched")
