"""Moves the files of a folder to a store and back, as blobs under their digests."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol, TypeVar

from optfarm_storage.errors import BadName
from optfarm_storage.files import arriving, copy
from optfarm_storage.keys import blob, inside
from optfarm_storage.store import ObjectStore, OnProgress, unreported

_PARALLEL = 16
_SAMPLE = 32
_CHEAP_BYTES = 64 << 10
"""Sending what is not larger costs about as much as asking whether it is there."""

Item = TypeVar("Item")


class File(Protocol):
    """A file of a tree."""

    @property
    def path(self) -> str:
        """Relative, with forward slashes."""
        ...

    @property
    def sha256(self) -> str:
        """Of its bytes, in hex."""
        ...

    @property
    def size_bytes(self) -> int:
        """Its size."""
        ...


AnyFile = TypeVar("AnyFile", bound=File)


def push(store: ObjectStore, folder: Path, files: Iterable[File], *, progress: OnProgress = unreported) -> int:
    """Stores what the store lacks of a folder's files; gives the number of blobs sent. Blocks.

    Args:
        store: where they go.
        folder: where the files lie; for a tree of one file, the file itself.
        files: what to store.
        progress: its numbers add up to the sum of the sizes, whatever was there already.

    Raises:
        Corrupt: a file has changed since its digest was taken.
        OSError: a file cannot be read.
        StorageError: the store failed, see ObjectStore.
    """
    listed = list(files)
    distinct = {file.sha256: file for file in listed}
    unsent = absent(store, list(distinct.values()))
    progress(sum(file.size_bytes for file in listed) - sum(file.size_bytes for file in unsent))

    def put(file: File) -> None:
        source = folder if folder.is_file() else folder / inside(file.path)
        store.put(blob(file.sha256), source, sha256=file.sha256, progress=progress)

    _in_parallel(put, unsent)
    return len(unsent)


def pull(store: ObjectStore, files: Iterable[File], folder: Path, *, progress: OnProgress = unreported) -> None:
    """Brings files into a folder; each appears whole and checked, or not at all. Blocks.

    Args:
        store: where their blobs lie.
        files: what to bring; equal files are read once.
        folder: where they go; made if absent.
        progress: its numbers add up to the sum of the sizes.

    Raises:
        BadName: a path leads out of the folder, by itself or through a link that is there; nothing was written.
        NotFound: a blob is not there.
        Corrupt: a blob has other bytes than its name says.
        OSError: the folder cannot be written.
        StorageError: the store failed, see ObjectStore.
    """
    places: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        places[file.sha256].append(folder / inside(file.path))
    _make_parents(folder, {path.parent for paths in places.values() for path in paths})

    def get(item: tuple[str, Sequence[Path]]) -> None:
        sha256, (first, *others) = item
        store.get(blob(sha256), first, sha256=sha256, progress=progress)
        for other in others:
            _copy(first, other, progress)

    _in_parallel(get, places.items())


def absent(store: ObjectStore, files: Sequence[AnyFile]) -> list[AnyFile]:
    """The files to send.

    A first push of many small files would take twice as long if it asked about each. Digests are random, so the first
    ones in their order are a fair sample: when none of them is there, all small ones are sent unasked, which does no
    harm to those that are there.
    """
    small = sorted((file for file in files if file.size_bytes <= _CHEAP_BYTES), key=lambda file: file.sha256)
    sample, rest = small[:_SAMPLE], small[_SAMPLE:]
    large = [file for file in files if file.size_bytes > _CHEAP_BYTES]
    lacking = missing(store, [*sample, *large])
    is_first_push = {file.sha256 for file in sample} <= {file.sha256 for file in lacking}
    return [*lacking, *(rest if is_first_push else missing(store, rest))]


def missing(store: ObjectStore, files: Sequence[AnyFile]) -> list[AnyFile]:
    """The files whose blobs the store does not hold; it is asked about each."""
    sizes = store.sizes(blob(file.sha256) for file in files) if files else {}
    return [file for file in files if sizes.get(blob(file.sha256)) != file.size_bytes]


def _make_parents(folder: Path, parents: Iterable[Path]) -> None:
    """Makes folders, none of them outside through a link."""
    root = folder.resolve()
    for parent in parents:
        if not parent.resolve().is_relative_to(root):
            raise BadName(f"{parent} leads out of {folder} through a link")
    for parent in parents:
        parent.mkdir(parents=True, exist_ok=True)


def _copy(source: Path, target: Path, progress: OnProgress) -> None:
    with arriving(target.parent, progress=progress) as arrival:
        copy(source, arrival)
        arrival.move(target)


def _in_parallel(work: Callable[[Item], None], items: Iterable[Item]) -> None:
    """The first error stops what has not begun, and is raised."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        futures: list[Future[None]] = [pool.submit(work, item) for item in items]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        finally:
            for future in futures:
                future.cancel()
