"""A folder as a value: its files with their digests, and one digest for the whole."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from optfarm_tasks.schema.value import Value, digest_of

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hex."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Stands for a byte of a file's name that is no text, and can be written down nowhere."""


def _inside(path: str) -> str:
    """The path itself; optfarm_storage.keys.inside answers alike, and neither package may import the other."""
    parts = PurePosixPath(path)
    is_plain = str(parts) == path != "." and not parts.is_absolute() and ".." not in parts.parts
    if not is_plain or {"\\", "\0"} & set(path) or _SURROGATE.search(path):
        raise ValueError(f"{path!r} is not a plain relative path")
    return path


class File(Value):
    """One file of a tree; its path is relative, with forward slashes, and never leaves the tree."""

    path: Annotated[str, AfterValidator(_inside)]
    sha256: Digest
    size_bytes: int = Field(ge=0)


class Tree(Value):
    """The files of a folder in the order of their paths."""

    files: tuple[File, ...]

    @property
    def digest(self) -> str:
        """One digest for the whole tree; equal folders have equal digests."""
        return digest_of([file.model_dump() for file in sorted(self.files, key=lambda file: file.path)])

    @property
    def size_bytes(self) -> int:
        """The sum of the file sizes."""
        return sum(file.size_bytes for file in self.files)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def scan(root: Path) -> Tree:
    """Reads and hashes every file below a folder, or one file alone, which becomes a tree of one.

    Symbolic links to files are read; empty folders leave no trace.

    Raises:
        OSError: a file cannot be read.
    """
    files = (File(path=name, sha256=file_digest(path), size_bytes=path.stat().st_size) for name, path in _walk(root))
    return Tree(files=tuple(sorted(files, key=lambda file: file.path)))


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    if root.is_file():
        yield root.name, root
        return
    for path in root.rglob("*"):
        if path.is_file():
            yield path.relative_to(root).as_posix(), path
