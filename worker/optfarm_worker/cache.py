"""Blobs that workers of one host have fetched: shared, limited in size, and checked.

Entries are handed out as paths and never copied. A child that writes into one changes its inode, which is noticed:
the task's result is dropped (Hold.check) and the entry is fetched again. Workers agree through lock files, which the
kernel releases when one of them is killed.
"""

import contextlib
import errno
import fcntl
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from optfarm_tasks.schema.tree import Digest, File, file_digest
from optfarm_worker.errors import NoSpace, Spoiled

Stamp = tuple[int, int, int, int]
"""Inode, size, time of the last write, time of the last change: bytes cannot change without it."""
PARALLEL_FETCHES = 4

Fetch = Callable[[Digest, Path], None]
"""Writes a blob into a new file and checks its digest."""


@dataclass(frozen=True)
class Hold:
    """Entries that stay in the cache while they are held."""

    paths: Mapping[Digest, Path]
    _stamps: Mapping[Digest, Stamp]

    def check(self) -> None:
        """Passes when no entry was touched since it was handed out.

        Raises:
            Spoiled: one was.
        """
        for digest, path in self.paths.items():
            if _stamp(path) != self._stamps[digest]:
                raise Spoiled(f"the input {digest} was changed while the task ran")


class Cache:
    """The cache as one worker sees it; each worker of the host has its own object on the same folder."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._known: dict[Digest, Stamp] = {}
        for part in ("blobs", "used", "pins", "partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self._is_over = False
        with _locked(folder, fcntl.LOCK_EX):
            self._drop_leftovers("partial")

    @contextmanager
    def held(self, files: Iterable[File], fetch: Fetch) -> Iterator[Hold]:
        """Fetches what is missing and keeps all of it from being evicted inside the block; blocks.

        Raises:
            NoSpace: the folder is full.
            Spoiled: an entry was changed from outside as fast as it was fetched.
        """
        wanted = {file.sha256: file.size_bytes for file in files}
        with self._pinned(wanted):
            self._complete(wanted, fetch)
            yield Hold(
                paths={digest: self._path(digest) for digest in wanted},
                _stamps={digest: self._known[digest] for digest in wanted},
            )
        if self._is_over:
            self._make_room(self._limit_bytes)

    def _complete(self, wanted: Mapping[Digest, int], fetch: Fetch) -> None:
        missing = [digest for digest in wanted if not self._is_sound(digest)]
        if missing:
            self._make_room(self._limit_bytes - sum(wanted[digest] for digest in missing))
            with ThreadPoolExecutor(PARALLEL_FETCHES, thread_name_prefix="fetch") as pool:
                list(pool.map(lambda digest: self._insert(digest, fetch), missing))
        for digest in wanted:
            (self._folder / "used" / digest).touch()

    def _is_sound(self, digest: Digest) -> bool:
        """Whether the entry is there with the right bytes; they are read again only if the file was touched."""
        path = self._path(digest)
        stamp = _stamp(path)
        if stamp is None:
            return False
        if self._known.get(digest) == stamp:
            return True
        if file_digest(path) != digest:
            path.unlink(missing_ok=True)
            return False
        self._known[digest] = stamp
        return True

    def _insert(self, digest: Digest, fetch: Fetch) -> None:
        for is_last_try in (False, True):
            try:
                return self._fetch_into_place(digest, fetch)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                if is_last_try:
                    raise NoSpace(f"no space left in {self._folder}") from error
                self._make_room(0)
        return None

    def _fetch_into_place(self, digest: Digest, fetch: Fetch) -> None:
        """An entry that another worker has put there meanwhile stays: it may be in use."""
        with self._partial() as partial:
            fetch(digest, partial)
            partial.chmod(0o444)
            path = self._path(digest)
            with _locked(self._folder, fcntl.LOCK_EX):
                path.parent.mkdir(exist_ok=True)
                if not path.exists():
                    partial.replace(path)
                    self._known[digest] = _stamp(path) or (0, 0, 0, 0)
        if not self._is_sound(digest):
            raise Spoiled(f"the input {digest} was changed as soon as it was fetched")

    @contextmanager
    def _partial(self) -> Iterator[Path]:
        """A path for a file that is being written; its folder is locked, so that others know it is alive."""
        folder = self._folder / "partial" / uuid.uuid4().hex
        with contextlib.ExitStack() as stack:
            with _locked(self._folder, fcntl.LOCK_EX):
                folder.mkdir()
                stack.enter_context(_locked(folder, fcntl.LOCK_SH))
            stack.callback(_remove, folder)
            yield folder / "blob"

    @contextmanager
    def _pinned(self, digests: Iterable[Digest]) -> Iterator[None]:
        """Names entries as in use. The pin appears while nobody evicts, so every later eviction sees it."""
        pin = self._folder / "pins" / uuid.uuid4().hex
        with contextlib.ExitStack() as stack:
            with _locked(self._folder, fcntl.LOCK_EX):
                pin.write_text("\n".join(digests))
                stack.enter_context(_locked(pin, fcntl.LOCK_SH))
            stack.callback(_remove, pin)
            yield

    def _make_room(self, limit_bytes: int) -> None:
        """Evicts what was not used for longest, and is not in use, until the rest fits the limit."""
        with _locked(self._folder, fcntl.LOCK_EX):
            entries = sorted(self._entries())
            pinned = self._pinned_by_anyone()
            total = sum(size for _, size, _ in entries)
            for _, size, path in entries:
                if total > limit_bytes and path.name not in pinned:
                    total -= size
                    path.unlink(missing_ok=True)
                    (self._folder / "used" / path.name).unlink(missing_ok=True)
        self._is_over = total > limit_bytes

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """When it was last used, its size, its path."""
        for path in (self._folder / "blobs").glob("*/*"):
            stamp = _stamp(path)
            if stamp is not None:
                used = _stamp(self._folder / "used" / path.name)
                yield (used[2] if used else 0), stamp[1], path

    def _pinned_by_anyone(self) -> set[Digest]:
        self._drop_leftovers("pins")
        pinned: set[Digest] = set()
        for pin in (self._folder / "pins").iterdir():
            with contextlib.suppress(FileNotFoundError):
                pinned |= set(pin.read_text().split())
        return pinned

    def _drop_leftovers(self, part: str) -> None:
        """Removes what nobody holds locked any more: its worker is dead."""
        for leftover in (self._folder / part).iterdir():
            unheld = _locked(leftover, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError, BlockingIOError), unheld:
                _remove(leftover)

    def _path(self, digest: Digest) -> Path:
        return self._folder / "blobs" / digest[:2] / digest


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir():
            (path / "blob").unlink(missing_ok=True)
            path.rmdir()
        else:
            path.unlink()


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
