"""Pulls files by digest: large ones in ranges, many at a time, each checked before it takes its name."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from optfarm.connection import Connection
from optfarm.errors import Broken
from optfarm.transfer import Told, Wire, in_parallel
from optfarm_tasks.tree import Tree, file_digest

RANGE_BYTES = 16 << 20


@dataclass(frozen=True)
class Span:
    """One GET: a range of one object into a file that is already as long as the object."""

    url: str
    path: Path
    offset: int
    size_bytes: int


def pull(connection: Connection, tree: Tree, folder: Path, *, told: Told = lambda _: None) -> Path:
    """Brings a tree into a folder; its files take their names once all have arrived, and no other file is touched.

    Raises:
        Broken: bytes arrived that are not those of the digest.
        FarmError: the farm refused or stayed away.
        OSError: the folder cannot be written.
    """
    urls = links(connection, tree)
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".optfarm-", dir=folder))
    try:
        fetch(connection, tree, work, urls=urls, told=told)
        for file in tree.files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            (work / file.path).replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def links(connection: Connection, tree: Tree) -> dict[str, str]:
    """Where each file of a tree can be read: digest → presigned URL."""
    digests = sorted({file.sha256 for file in tree.files})
    return connection.post("/v1/downloads", dict[str, str], digests)


def read_blob(connection: Connection, sha256: str) -> bytes:
    """The bytes of one small object, such as a log; see `pull` for what it raises."""
    (url,) = connection.post("/v1/downloads", dict[str, str], [sha256]).values()
    with Wire() as wire:
        content = connection.patiently("object store unreachable", lambda: _whole(wire, url))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Broken(f"{sha256[:12]}… arrived damaged; read it again")
    return content


def fetch(
    connection: Connection, tree: Tree, folder: Path, *, urls: Mapping[str, str], told: Told = lambda _: None
) -> None:
    """Reads every file of a tree into a folder and checks it; see `pull` for what it raises."""
    spans = [span for file in tree.files for span in _spans(folder / file.path, file.size_bytes, urls[file.sha256])]
    for file in tree.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        with (folder / file.path).open("wb") as stream:
            stream.truncate(file.size_bytes)
    with Wire() as wire:
        in_parallel(lambda span: _read(connection, wire, span, told), spans)
    in_parallel(lambda file: _check(folder / file.path, file.sha256), tree.files, threads=2)


def _whole(wire: Wire, url: str) -> bytes:
    content = bytearray()
    wire.get(url, {}, content.extend)
    return bytes(content)


def _spans(path: Path, size_bytes: int, url: str) -> Iterator[Span]:
    for offset in range(0, size_bytes, RANGE_BYTES):
        yield Span(url, path, offset, min(RANGE_BYTES, size_bytes - offset))


def _read(connection: Connection, wire: Wire, span: Span, told: Told) -> None:
    connection.patiently("object store unreachable", lambda: _read_once(wire, span))
    told(span.size_bytes)


def _read_once(wire: Wire, span: Span) -> None:
    target = os.open(span.path, os.O_WRONLY)
    try:
        _read_into(wire, span, target)
    finally:
        os.close(target)


def _read_into(wire: Wire, span: Span, target: int) -> None:
    position = span.offset
    end = span.offset + span.size_bytes

    def take(piece: memoryview) -> None:
        nonlocal position
        if position + len(piece) > end:
            raise Broken(f"more bytes came for {span.path.name} than its {end} bytes")
        position += os.pwrite(target, piece, position)

    wire.get(span.url, {"Range": f"bytes={span.offset}-{end - 1}"}, take)


def _check(path: Path, sha256: str) -> None:
    seen = file_digest(path)
    if seen != sha256:
        raise Broken(f"{path.name} arrived with digest {seen[:12]}…, not {sha256[:12]}…; pull it again")
