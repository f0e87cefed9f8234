"""Pushes a folder: asks which files the farm lacks, and sends only those, large ones in parts, many at a time."""

import io
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from optfarm.connection import Away, Connection
from optfarm.transfer import PIECE_BYTES, THREADS, OnProgress, Piece, Wire, in_parallel, no_progress
from optfarm_tasks.schema.api import Upload
from optfarm_tasks.schema.tree import File, Tree

_BATCH, _BATCH_BYTES = 250, 128 << 30
"""Files and bytes that one question covers: the next one is asked while the files of this one are under way, and a
question for too many parts is refused."""


def push(connection: Connection, root: Path, tree: Tree, *, on_progress: OnProgress = no_progress) -> int:
    """Sends what the farm lacks of a tree; gives the number of bytes sent. Blocks until all is stored.

    Args:
        connection: the farm.
        root: the folder, or the one file, that the tree was scanned from.
        tree: its files with their digests.
        on_progress: called with their number each time bytes have moved.

    Raises:
        FarmError: the farm refused or stayed away, or a file changed while it was sent.
    """
    paths = {file.sha256: root if root.is_file() else root / file.path for file in tree.files}
    files = list({file.sha256: file for file in tree.files}.values())
    with Wire() as wire, ThreadPoolExecutor(1) as asker:
        asked = batches_of(files)
        batches = [asker.submit(connection.post, "/v1/blobs", tuple[Upload, ...], part) for part in asked]
        return sum(_send(connection, wire, batch.result(), paths, on_progress) for batch in batches)


def batches_of(files: Iterable[File]) -> Iterator[list[File]]:
    """The files in their order, so many together as one question covers; a file larger than that is alone."""
    batch: list[File] = []
    for file in files:
        if batch and (len(batch) == _BATCH or sum(each.size_bytes for each in batch) + file.size_bytes > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _send(
    connection: Connection, wire: Wire, uploads: Iterable[Upload], paths: Mapping[str, Path], on_progress: OnProgress
) -> int:
    whole = [upload for upload in uploads if upload.upload_id is None]
    in_parallel(lambda upload: _put_all(connection, wire, upload, paths[upload.sha256], on_progress), whole)
    for upload in uploads:
        if upload.upload_id is not None:
            _put_parts(connection, wire, upload, paths[upload.sha256], on_progress)
    return sum(paths[upload.sha256].stat().st_size for upload in uploads)


def _put_all(connection: Connection, wire: Wire, upload: Upload, path: Path, on_progress: OnProgress) -> None:
    for piece in pieces_of(upload, path, path.stat().st_size):
        _put(connection, wire, piece, on_progress)


def _put_parts(connection: Connection, wire: Wire, upload: Upload, path: Path, on_progress: OnProgress) -> None:
    pieces = list(pieces_of(upload, path, path.stat().st_size))
    with ThreadPoolExecutor(min(THREADS, 4)) as pool:
        etags = list(pool.map(lambda piece: _put(connection, wire, piece, on_progress), pieces))
    body = {"upload_id": upload.upload_id, "etags": etags}
    connection.post(f"/v1/blobs/{upload.sha256}/complete", type(None), body)


def pieces_of(upload: Upload, path: Path, size_bytes: int) -> Iterator[Piece]:
    """The PUTs that bring one file to where the farm wants it."""
    part_bytes = upload.part_bytes or max(size_bytes, 1)
    for number, url in enumerate(upload.urls):
        offset = number * part_bytes
        yield Piece(url, path, offset, max(0, min(part_bytes, size_bytes - offset)), upload.headers)


def _put(connection: Connection, wire: Wire, piece: Piece, on_progress: OnProgress) -> str:
    return connection.patiently("object store unreachable", lambda: _put_once(wire, piece, on_progress))


def _put_once(wire: Wire, piece: Piece, on_progress: OnProgress) -> str:
    if piece.size_bytes <= PIECE_BYTES and piece.offset == 0:
        etag = wire.put(piece.url, piece.path.read_bytes(), size_bytes=piece.size_bytes, headers=piece.headers)
        on_progress(piece.size_bytes)
        return etag
    with piece.path.open("rb", buffering=0) as stream:
        stream.seek(piece.offset)
        body = _Window(stream, piece.size_bytes, on_progress)
        try:
            return wire.put(piece.url, body, size_bytes=piece.size_bytes, headers=piece.headers)
        except Away:
            on_progress(body.left_bytes - piece.size_bytes)  # it will all be sent again
            raise


class _Window:
    """A stretch of a file, read once from its start to its end."""

    def __init__(self, stream: io.RawIOBase, size_bytes: int, on_progress: OnProgress) -> None:
        self._stream = stream
        self.left_bytes = size_bytes
        self._on_progress = on_progress

    def read(self, length: int = -1, /) -> bytes:
        piece = self._stream.read(min(length, self.left_bytes) if length >= 0 else self.left_bytes) or b""
        self.left_bytes -= len(piece)
        if piece:
            self._on_progress(len(piece))
        return piece
