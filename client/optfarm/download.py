"""Pulls files by digest: large ones in ranges, many at a time, each checked before it takes its name."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from optfarm.connection import Connection
from optfarm.errors import BadRequest, Broken
from optfarm.transfer import PIECE_BYTES, OnProgress, Piece, Wire, in_parallel, no_progress
from optfarm_tasks.schema.tree import File, Tree, file_digest

RANGE_BYTES = 16 << 20
_WRITE_BYTES = 32 << 10
"""Larger writes have the kernel look for larger free pages, which on a virtual machine are often cold: 3x slower."""
_BATCH = 250
"""Files that one question covers: the next is asked while the files of this one are under way."""
_AWAY = "object store unreachable"


def pull(connection: Connection, tree: Tree, folder: Path, *, on_progress: OnProgress = no_progress) -> Path:
    """Brings a tree into a folder; its files take their names once all have arrived, and no other file is touched.

    Raises:
        BadRequest: the folder is a file, or has another file under one of the names.
        Broken: bytes arrived that are not those of the digest.
        FarmError: the farm refused or stayed away.
        OSError: the folder cannot be written.
    """
    _require_room(tree, folder)
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".optfarm-", dir=folder))
    try:
        fetch(connection, tree, work, on_progress=on_progress)
        for file in tree.files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            (work / file.path).replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _require_room(tree: Tree, folder: Path) -> None:
    files = [folder, *folder.parents]
    if taken := next((each for each in files if each.exists() and not each.is_dir()), None):
        raise BadRequest(f"{taken} is a file, and the artifact's files need a folder; name another")
    for file in tree.files:
        target = folder / file.path
        if target.is_dir() or (target.exists() and file_digest(target) != file.sha256):
            raise BadRequest(f"{target} is there already and is something else; name another folder, or move it")


def read_blob(connection: Connection, sha256: str) -> bytes:
    """The bytes of one small object, such as a log; see `pull` for what it raises."""
    (url,) = connection.post("/v1/downloads", dict[str, str], [sha256]).values()
    with Wire() as wire:
        content = connection.patiently(_AWAY, lambda: _whole(wire, url))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Broken(f"{sha256[:12]}… arrived damaged; read it again")
    return content


def fetch(
    connection: Connection,
    tree: Tree,
    folder: Path,
    *,
    urls: Mapping[str, str] | None = None,
    on_progress: OnProgress = no_progress,
) -> None:
    """Reads every file of a tree into a folder and checks it; see `pull` for what it raises.

    Args:
        connection: the farm.
        tree: the files.
        folder: where they go.
        urls: digest → presigned URL, where they are known; the farm is asked otherwise.
        on_progress: called with their number each time bytes have arrived.
    """
    for parent in {(folder / file.path).parent for file in tree.files}:
        parent.mkdir(parents=True, exist_ok=True)
    batches = [tree.files[at : at + _BATCH] for at in range(0, len(tree.files), _BATCH)]
    with Wire() as wire, ThreadPoolExecutor(1) as asker:
        known = [asker.submit(links, connection, batch) if urls is None else None for batch in batches]
        for batch, asked in zip(batches, known, strict=True):
            there = asked.result() if asked is not None else urls or {}
            _fetch_batch(_Fetcher(connection, wire, folder, there, on_progress), batch)


def links(connection: Connection, files: Iterable[File]) -> dict[str, str]:
    """Where each file can be read: digest → presigned URL."""
    return connection.post("/v1/downloads", dict[str, str], sorted({file.sha256 for file in files}))


@dataclass(frozen=True)
class _Fetcher:
    connection: Connection
    wire: Wire
    folder: Path
    urls: Mapping[str, str]
    on_progress: OnProgress

    def small(self, file: File) -> None:
        content = self.connection.patiently(_AWAY, lambda: _whole(self.wire, self.urls[file.sha256]))
        _require_same(file, hashlib.sha256(content).hexdigest())
        (self.folder / file.path).write_bytes(content)
        self.on_progress(file.size_bytes)

    def large(self, file: File) -> None:
        path = self.folder / file.path
        with path.open("wb") as stream:
            stream.truncate(file.size_bytes)
        in_parallel(self._read, _pieces(path, file.size_bytes, self.urls[file.sha256]))
        _require_same(file, file_digest(path))

    def _read(self, piece: Piece) -> None:
        self.connection.patiently(_AWAY, lambda: _read_once(self.wire, piece))
        self.on_progress(piece.size_bytes)


def _fetch_batch(fetcher: _Fetcher, files: Iterable[File]) -> None:
    in_parallel(fetcher.small, [file for file in files if file.size_bytes <= PIECE_BYTES])
    for file in files:
        if file.size_bytes > PIECE_BYTES:
            fetcher.large(file)


def _whole(wire: Wire, url: str) -> bytes:
    content = bytearray()
    wire.get(url, {}, content.extend)
    return bytes(content)


def _pieces(path: Path, size_bytes: int, url: str) -> Iterator[Piece]:
    for offset in range(0, size_bytes, RANGE_BYTES):
        yield Piece(url, path, offset, min(RANGE_BYTES, size_bytes - offset))


def _read_once(wire: Wire, piece: Piece) -> None:
    target = os.open(piece.path, os.O_WRONLY)
    try:
        _read_into(wire, piece, target)
    finally:
        os.close(target)


def _read_into(wire: Wire, piece: Piece, target: int) -> None:
    position = piece.offset
    end = piece.offset + piece.size_bytes

    def take(content: memoryview) -> None:
        nonlocal position
        if position + len(content) > end:
            raise Broken(f"more bytes came for {piece.path.name} than its {end} bytes")
        for at in range(0, len(content), _WRITE_BYTES):
            position += os.pwrite(target, content[at : at + _WRITE_BYTES], position)

    wire.get(piece.url, {"Range": f"bytes={piece.offset}-{end - 1}"}, take)


def _require_same(file: File, seen: str) -> None:
    if seen != file.sha256:
        raise Broken(f"{file.path} arrived with digest {seen[:12]}…, not {file.sha256[:12]}…; pull it again")
