"""Writes bundles as tar files, the same bytes for the same files, and reads untrusted ones; extracts nothing."""

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from optfarm.bundle.manifest import MANIFEST, Manifest, read_manifest
from optfarm.errors import BadRequest

_MANIFEST_BYTES = 64 << 20
"""A larger manifest is not read."""

Opener = Callable[[str], IO[bytes]]
"""Opens a file of the bundle by its path in there."""


class Sink(Protocol):
    """Where a tar file goes."""

    def write(self, data: bytes, /) -> object:
        """Takes the next bytes."""
        ...


def pack(manifest: Manifest, opener: Opener, sink: Sink) -> None:
    """Writes the manifest and the files that it names: sorted, of one owner, without times."""
    content = (manifest.sealed().model_dump_json(indent=2) + "\n").encode()
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]  # typeshed wants a whole IO
        tar.addfile(_entry(MANIFEST, len(content)), io.BytesIO(content))
        for file in sorted(manifest.files, key=lambda file: file.path):
            with opener(file.path) as stream:
                tar.addfile(_entry(file.path, file.size_bytes), stream)


class Archive:
    """A bundle whose every byte has been checked against its manifest."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest, sha256: str) -> None:
        self.manifest = manifest
        self.sha256 = sha256
        """Of the whole file."""
        self._tar = tar

    @property
    def names(self) -> frozenset[str]:
        """The paths of its files."""
        return frozenset(file.path for file in self.manifest.files)

    def open(self, name: str) -> IO[bytes]:
        """A file of the bundle, to read.

        Raises:
            BadRequest: there is none of that name.
        """
        if name not in self.names:
            raise BadRequest(f"{name} is missing in the bundle")
        return _stream(self._tar, name)

    def read(self, name: str) -> bytes:
        """The whole of a file; see `open`."""
        with self.open(name) as stream:
            return stream.read()


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Opens a bundle once all of it has been checked.

    Raises:
        BadRequest: it is no bundle, or truncated, damaged, or made to write elsewhere.
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream, _reading(path), tarfile.open(fileobj=stream, mode="r:") as tar:
        manifest = _manifest(tar, path)
        _check_members(tar, manifest)
        _check_digests(tar, manifest)
        sha256 = _Hashed()
        pack(manifest, lambda name: _stream(tar, name), sha256)
        stream.seek(0)
        if hashlib.file_digest(stream, "sha256").hexdigest() != sha256.hexdigest():
            raise BadRequest(f"{path} is damaged: bytes between its files are not as optfarm writes them")
        yield Archive(tar, manifest, sha256.hexdigest())


class _Hashed:
    """A sink that only computes the digest of what is written."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        self._hash.update(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise BadRequest(f"{path} is no tar file, or truncated or damaged: {error}") from error


def _manifest(tar: tarfile.TarFile, path: Path) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _MANIFEST_BYTES:
        raise BadRequest(f"{path} is no bundle: it does not begin with {MANIFEST}")
    with _stream(tar, MANIFEST) as stream:
        return read_manifest(stream.read())


def _check_members(tar: tarfile.TarFile, manifest: Manifest) -> None:
    wanted = [MANIFEST, *(file.path for file in manifest.files)]
    there = tar.getnames()
    if len(set(wanted)) < len(wanted):
        raise BadRequest("the manifest names a file twice")
    if missing := sorted(set(wanted) - set(there)):
        raise BadRequest(f"{missing[0]} is missing in the bundle")
    if strangers := sorted(set(there) - set(wanted)):
        raise BadRequest(f"the bundle holds {strangers[0]!r}, of which its manifest says nothing")
    if len(there) > len(wanted) or not all(member.isreg() for member in tar.getmembers()):
        raise BadRequest("the bundle holds a link, a folder, or two files of one name")


def _check_digests(tar: tarfile.TarFile, manifest: Manifest) -> None:
    for file in manifest.files:
        size_bytes = tar.getmember(file.path).size
        if size_bytes != file.size_bytes:
            raise BadRequest(f"{file.path} has {size_bytes} bytes, and {file.size_bytes} in the manifest")
        hashed = _Hashed()
        with _stream(tar, file.path) as stream:
            shutil.copyfileobj(stream, hashed)
        seen = hashed.hexdigest()
        if seen != file.sha256:
            raise BadRequest(f"{file.path} is damaged: its digest is {seen[:12]}…, not {file.sha256[:12]}…")


def _stream(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = tar.extractfile(name)
    if stream is None:
        raise BadRequest(f"{name} in the bundle is no file")
    return stream


def _entry(name: str, size_bytes: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size_bytes
    entry.mode = 0o644
    return entry
