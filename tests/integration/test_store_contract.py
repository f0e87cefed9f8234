"""What every object store keeps: one suite over each of them, bare and wrapped in retries, on real servers."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from optfarm_storage.errors import BadName, Corrupt, NotFound
from optfarm_storage.keys import blob, result
from optfarm_storage.store import ObjectStore
from optfarm_tasks.schema.tree import scan
from tests.integration.stores import Case, digest_of, names, put

MB = 1 << 20
KEY = result("a" * 64)


@pytest.mark.parametrize("size_bytes", [0, 10_000, 3 * MB])
def test_bytes_come_back(store: ObjectStore, tmp_path: Path, size_bytes: int) -> None:
    content = os.urandom(size_bytes)

    sha256 = put(store, content)
    store.get(blob(sha256), tmp_path / "got", sha256=sha256)

    assert (tmp_path / "got").read_bytes() == content
    assert store.read(blob(sha256)) == content
    assert store.sizes([blob(sha256)]) == {blob(sha256): size_bytes}


@pytest.mark.parametrize("size_bytes", [0, 10_000, 3 * MB, 64 * MB + 1])
def test_a_file_comes_back(store: ObjectStore, tmp_path: Path, size_bytes: int) -> None:
    content = os.urandom(1000) * (size_bytes // 1000 + 1)
    (tmp_path / "file").write_bytes(content[:size_bytes])
    (sha256,) = (file.sha256 for file in scan(tmp_path / "file").files)
    up: list[int] = []
    down: list[int] = []

    store.put(blob(sha256), tmp_path / "file", sha256=sha256, progress=up.append)
    store.get(blob(sha256), tmp_path / "got", sha256=sha256, progress=down.append)

    assert scan(tmp_path / "got").files[0].sha256 == sha256
    assert sum(up) == sum(down) == size_bytes
    assert min([0, *up, *down]) == 0
    assert store.sizes([blob(sha256)]) == {blob(sha256): size_bytes}


def test_of_many_who_put_a_result_one_is_first(store: ObjectStore) -> None:
    start = threading.Barrier(8)

    def write_result(number: int) -> bool:
        start.wait()
        return store.put_new(KEY, str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        was_first = list(pool.map(write_result, range(8)))

    assert was_first.count(True) == 1
    assert store.read(KEY) == str(was_first.index(True)).encode()


def test_a_put_replaces(store: ObjectStore) -> None:
    store.put("models/m/1.json", b"old", sha256=digest_of(b"old"))
    store.put("models/m/1.json", b"new", sha256=digest_of(b"new"))

    assert store.read("models/m/1.json") == b"new"


def test_damage_is_seen_when_an_object_is_read(case: Case, tmp_path: Path) -> None:
    case.smuggle(blob("b" * 64), b"other bytes")
    (tmp_path / "got").write_bytes(b"as before")

    with pytest.raises(Corrupt, match=f"blobs/{'b' * 64}.*has the digest {digest_of(b'other bytes')}"):
        case.store.get(blob("b" * 64), tmp_path / "got", sha256="b" * 64)

    assert (tmp_path / "got").read_bytes() == b"as before"
    assert names(tmp_path / "got") == []
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("size_bytes", [10, 3 * MB, 65 * MB])
def test_a_source_that_was_changed_is_not_stored(store: ObjectStore, tmp_path: Path, size_bytes: int) -> None:
    (tmp_path / "file").write_bytes(bytes(size_bytes))

    with pytest.raises(Corrupt, match=r"source of blobs/ccc.* has the digest"):
        store.put(blob("c" * 64), tmp_path / "file", sha256="c" * 64)

    assert store.sizes([blob("c" * 64)]) == {}


def test_an_absent_object_is_reported(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=KEY):
        store.read(KEY)
    with pytest.raises(NotFound, match="blobs/d"):
        store.get(blob("d" * 64), tmp_path / "got", sha256="d" * 64)

    assert store.sizes([KEY, blob("d" * 64)]) == {}
    assert names(tmp_path / "got") == []


def test_an_absent_source_is_reported(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.put(blob("e" * 64), tmp_path / "nothing", sha256="e" * 64)


def test_a_target_that_cannot_be_written_is_reported(store: ObjectStore, tmp_path: Path) -> None:
    sha256 = put(store, b"content")
    (tmp_path / "taken").mkdir()

    with pytest.raises(FileNotFoundError):
        store.get(blob(sha256), tmp_path / "no folder" / "got", sha256=sha256)
    with pytest.raises(OSError, match="taken"):
        store.get(blob(sha256), tmp_path / "taken", sha256=sha256)

    assert store.read(blob(sha256)) == b"content"


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a b", "a?b", "ä"])
def test_keys_that_could_lead_elsewhere_are_refused(store: ObjectStore, tmp_path: Path, key: str) -> None:
    with pytest.raises(BadName):
        store.put(key, b"x", sha256=digest_of(b"x"))
    with pytest.raises(BadName):
        store.put_new(key, b"x")
    with pytest.raises(BadName):
        store.get(key, tmp_path / "got", sha256=digest_of(b"x"))
    with pytest.raises(BadName):
        store.read(key)
    with pytest.raises(BadName):
        store.sizes([key])
