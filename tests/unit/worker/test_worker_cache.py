"""The blob cache: limited in size, shared, checked."""

import errno
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from optfarm_tasks.schema.tree import Digest, File
from optfarm_worker.cache import Cache, Fetch
from optfarm_worker.errors import NoSpace, Spoiled
from tests.waiting import until

KB = 1 << 10


class Shop:
    """Blobs that can be fetched, and how often each was."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.fetched: list[Digest] = []

    def add(self, body: bytes) -> File:
        digest = hashlib.sha256(body).hexdigest()
        self.blobs[digest] = body
        return File(path=f"{digest[:8]}.bin", sha256=digest, size_bytes=len(body))

    def fetch(self, digest: Digest, target: Path) -> None:
        self.fetched.append(digest)
        target.write_bytes(self.blobs[digest])


@pytest.fixture
def shop() -> Shop:
    return Shop()


def hold(cache: Cache, fetch: Fetch, *files: File) -> dict[Digest, bytes]:
    with cache.held(files, fetch) as held:
        return {digest: path.read_bytes() for digest, path in held.paths.items()}


def stored(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs").glob("*/*")}


def bodies(shop: Shop, files: Iterable[File]) -> dict[Digest, bytes]:
    return {file.sha256: shop.blobs[file.sha256] for file in files}


def test_a_blob_is_fetched_once(tmp_path: Path, shop: Shop) -> None:
    files = [shop.add(b"a"), shop.add(b"b")]
    cache = Cache(tmp_path, 100 * KB)

    assert hold(cache, shop.fetch, *files) == bodies(shop, files)
    assert hold(cache, shop.fetch, *files) == bodies(shop, files)
    assert hold(Cache(tmp_path, 100 * KB), shop.fetch, *files) == bodies(shop, files)
    assert sorted(shop.fetched) == sorted(file.sha256 for file in files)


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, shop: Shop) -> None:
    old, used, new = (shop.add(bytes([n]) * 40 * KB) for n in range(3))
    cache = Cache(tmp_path, 100 * KB)
    hold(cache, shop.fetch, old)
    hold(cache, shop.fetch, used)
    hold(cache, shop.fetch, old)
    hold(cache, shop.fetch, new)

    assert stored(tmp_path) == {old.sha256, new.sha256}


def test_what_is_in_use_stays_even_beyond_the_limit(tmp_path: Path, shop: Shop) -> None:
    first, second = shop.add(b"1" * 60 * KB), shop.add(b"2" * 60 * KB)
    mine, theirs = (Cache(tmp_path, 100 * KB) for _ in range(2))

    with mine.held([first], shop.fetch) as held:
        hold(theirs, shop.fetch, second)
        assert held.paths[first.sha256].read_bytes() == shop.blobs[first.sha256]
        held.check()

    hold(mine, shop.fetch, shop.add(b"3"))
    assert sum(path.stat().st_size for path in (tmp_path / "blobs").glob("*/*")) <= 100 * KB


def test_inputs_larger_than_the_limit_are_gone_after_their_task(tmp_path: Path, shop: Shop) -> None:
    files = [shop.add(bytes([n]) * 60 * KB) for n in range(3)]
    cache = Cache(tmp_path, 100 * KB)

    assert hold(cache, shop.fetch, *files) == bodies(shop, files)
    assert len(stored(tmp_path)) == 1


def test_bytes_that_rot_are_fetched_again(tmp_path: Path, shop: Shop) -> None:
    file = shop.add(b"right")
    cache = Cache(tmp_path, 100 * KB)
    hold(cache, shop.fetch, file)
    entry = tmp_path / "blobs" / file.sha256[:2] / file.sha256
    entry.chmod(0o644)
    entry.write_bytes(b"wrong")

    assert hold(cache, shop.fetch, file) == {file.sha256: b"right"}
    assert len(shop.fetched) == 2


@pytest.mark.parametrize("cleverly", [False, True])
def test_a_task_that_writes_into_its_input_spoils_itself_alone(tmp_path: Path, shop: Shop, *, cleverly: bool) -> None:
    file = shop.add(b"right")
    cache = Cache(tmp_path, 100 * KB)

    with cache.held([file], shop.fetch) as held:
        path = held.paths[file.sha256]
        before = path.stat()
        path.chmod(0o644)
        path.write_bytes(b"wrong")
        if cleverly:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            path.chmod(0o444)
        with pytest.raises(Spoiled, match=file.sha256):
            held.check()

    assert hold(cache, shop.fetch, file) == {file.sha256: b"right"}


def test_an_entry_that_is_only_read_is_not_hashed_again(tmp_path: Path, shop: Shop) -> None:
    file = shop.add(b"right")
    cache = Cache(tmp_path, 100 * KB)

    with cache.held([file], shop.fetch) as held:
        (tmp_path / "link").symlink_to(held.paths[file.sha256])
        assert (tmp_path / "link").read_bytes() == b"right"
        held.check()


def test_a_full_disk_evicts_and_then_says_so(tmp_path: Path, shop: Shop) -> None:
    cache = Cache(tmp_path, 100 * KB)
    hold(cache, shop.fetch, shop.add(b"old"))

    def full(_: Digest, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(NoSpace, match=str(tmp_path)):
        hold(Cache(tmp_path, 100 * KB), full, shop.add(b"new"))

    assert stored(tmp_path) == set()
    assert list((tmp_path / "partial").iterdir()) == []


def test_room_is_made_when_the_disk_is_full(tmp_path: Path, shop: Shop) -> None:
    cache = Cache(tmp_path, 100 * KB)
    hold(cache, shop.fetch, shop.add(b"old"))
    new = shop.add(b"new")

    def full_once(digest: Digest, target: Path) -> None:
        if stored(tmp_path):
            raise OSError(errno.ENOSPC, "No space left on device")
        shop.fetch(digest, target)

    assert hold(Cache(tmp_path, 100 * KB), full_once, new) == {new.sha256: b"new"}


def test_leftovers_of_dead_workers_are_removed(tmp_path: Path, shop: Shop) -> None:
    Cache(tmp_path, 100 * KB)
    (tmp_path / "partial" / "dead").mkdir()
    (tmp_path / "partial" / "dead" / "blob").write_bytes(b"half")
    (tmp_path / "pins" / "dead").write_text("0" * 64)

    hold(Cache(tmp_path, 100 * KB), shop.fetch, shop.add(b"a"))

    assert list((tmp_path / "partial").iterdir()) == []
    assert list((tmp_path / "pins").iterdir()) == []


def test_two_workers_that_fetch_the_same_blob_at_once_agree(tmp_path: Path, shop: Shop) -> None:
    file = shop.add(b"both")
    meet = threading.Barrier(2)

    def fetch(digest: Digest, target: Path) -> None:
        meet.wait(10)
        shop.fetch(digest, target)

    seen = []

    def work() -> None:
        with Cache(tmp_path, 100 * KB).held([file], fetch) as held:
            meet.wait(10)
            held.check()
            seen.append(held.paths[file.sha256].read_bytes())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert seen == [b"both", b"both"]


CROWD = """
import hashlib, random, sys
from pathlib import Path
from optfarm_tasks.schema.tree import File
from optfarm_worker.cache import Cache

bodies = {hashlib.sha256(b).hexdigest(): b for b in (bytes([n]) * 10240 for n in range(20))}
cache = Cache(Path(sys.argv[1]), 60 << 10)
chance = random.Random(int(sys.argv[2]))
for _ in range(150):
    files = [File(path="x", sha256=d, size_bytes=10240) for d in chance.sample(sorted(bodies), 3)]
    with cache.held(files, lambda digest, target: target.write_bytes(bodies[digest]) and None) as held:
        for digest, path in held.paths.items():
            assert path.read_bytes() == bodies[digest]
        held.check()
"""


def test_many_processes_share_a_cache_that_is_too_small(tmp_path: Path, shop: Shop) -> None:
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD, str(tmp_path), str(seed)]) for seed in range(4)]

    until(lambda: all(each.poll() is not None for each in crowd), deadline_s=60)

    assert [each.returncode for each in crowd] == [0, 0, 0, 0]
    hold(Cache(tmp_path, 60 * KB), shop.fetch, shop.add(b"last"))
    assert sum(path.stat().st_size for path in (tmp_path / "blobs").glob("*/*")) <= 60 * KB
