"""Reads the arrays of an .npz file as a stream: no pickle, no array wholly in memory while it is checked."""

import math
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from optfarm_tasks.data_sets.label_values import LabelValues
from optfarm_tasks.description import Shape
from optfarm_tasks.errors import BadData

_SUFFIX = ".npy"
_CHUNK_BYTES = 8 << 20
_END_BYTES, _COUNT, _NOT_STATED = 22, slice(10, 12), 0xFFFF
"""The record that ends a zip file, where in it stands the number of members, and what stands there if they are more."""
_NUMBERS, _STRINGS = "biufc", "US"


@dataclass(frozen=True)
class Stored:
    """An array of the file, of which only the header has been read."""

    key: str
    dtype: str
    shape: Shape
    not_finite: int
    """How many of its values are NaN or infinite."""
    first: tuple[int, ...] | None
    """The index of the first of them."""
    labels: LabelValues | None = None
    """What its values are, where it holds labels."""


def scan(path: Path, *, labels: str | None = None) -> Iterator[Stored]:
    """Reads every array once, in pieces, so that damage and values that are not finite show.

    Args:
        path: the file.
        labels: how arrays of labels are called, whatever their split.

    Raises:
        BadData: the file is no .npz file, is damaged, or holds what is neither numbers nor strings.
    """
    with _archive(path) as archive:
        for key, member in _members(archive, path).items():
            with archive.open(member) as stream:
                yield _scanned(stream, key, is_labels=key.rpartition("/")[2] == labels)


def read(path: Path, keys: set[str]) -> dict[str, NDArray[Any]]:
    """Arrays by their keys, in the machine's byte order.

    Raises:
        BadData: as `scan`.
    """
    with _archive(path) as archive:
        return {key: _read(archive, member) for key, member in _members(archive, path).items() if key in keys}


def names(path: Path) -> tuple[str, ...]:
    """The keys of the arrays.

    Raises:
        BadData: the file is no .npz file or is damaged.
    """
    with _archive(path) as archive:
        return tuple(_members(archive, path))


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with path.open("rb") as stream:
            _check_kind(stream.read(6), path)
            with zipfile.ZipFile(stream) as archive:
                _check_count(stream, archive)
                yield archive
    except (zipfile.BadZipFile, EOFError, LookupError, OSError, RuntimeError, ValueError, zlib.error) as error:
        raise BadData(f"{path} is truncated or damaged ({error}); write or copy it again") from error


def _check_count(stream: IO[bytes], archive: zipfile.ZipFile) -> None:
    """A damaged length in the list of members hides those after it, and zipfile does not say so."""
    stream.seek(-_END_BYTES - len(archive.comment), os.SEEK_END)
    stated, there = int.from_bytes(stream.read(_END_BYTES)[_COUNT], "little"), len(archive.infolist())
    if stated not in {there, _NOT_STATED}:
        raise zipfile.BadZipFile(f"it says that it has {stated} members, and {there} are found")


def _check_kind(head: bytes, path: Path) -> None:
    if head == npy.MAGIC_PREFIX:
        raise BadData(f'{path} is a single array; save it by np.savez(path, **{{"test/NAME": array}})')
    if not head.startswith(b"PK"):
        raise BadData(f"{path} is no .npz file: it begins with {head!r}; write it by np.savez")


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, str]:
    """Key → member."""
    members = archive.namelist()
    strangers = [member for member in members if not member.endswith(_SUFFIX)]
    if strangers or len(set(members)) < len(members):
        seen = ", ".join(strangers[:3]) or "two arrays of one name"
        raise BadData(f"{path} holds {seen}; an .npz file holds arrays only: write it by np.savez")
    return {member.removesuffix(_SUFFIX): member for member in members}


def _scanned(stream: IO[bytes], key: str, *, is_labels: bool) -> Stored:
    shape, fortran, dtype = _header(stream, key)
    counted, first = 0, None
    labels = LabelValues(shape, is_row_by_row=not fortran) if is_labels else None
    for start, piece in _pieces(stream, dtype, total=math.prod(shape)):
        if labels is not None:
            labels.add(start, piece)
        if dtype.kind in "fc":
            wrong = np.flatnonzero(~np.isfinite(piece))
            if wrong.size and first is None:
                first = start + int(wrong[0])
            counted += wrong.size
    index = None if first is None else _index(first, shape, fortran=fortran)
    name = "string" if dtype.kind in _STRINGS else dtype.name
    return Stored(key=key, dtype=name, shape=shape, not_finite=counted, first=index, labels=labels)


def _index(place: int, shape: tuple[int, ...], *, fortran: bool) -> tuple[int, ...]:
    found = np.unravel_index(place, shape, order="F" if fortran else "C")
    return tuple(int(each) for each in found)


def _header(stream: IO[bytes], key: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise BadData(f"{key} is an array of format {version}; it takes arrays of numbers or strings only")
    shape, fortran, dtype = readers[version](stream)
    if dtype.kind not in _NUMBERS + _STRINGS:
        what = "Python objects, which are never unpickled" if dtype.hasobject else f"{dtype}"
        raise BadData(f"{key} holds {what}; it takes numbers or strings: convert it by astype")
    return shape, fortran, dtype


def _pieces(stream: IO[bytes], dtype: np.dtype[Any], *, total: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """The place of a piece's first value, and the piece; the last read lets zipfile check its checksum."""
    step = max(1, _CHUNK_BYTES // max(1, dtype.itemsize))
    for start in range(0, total if dtype.itemsize else 0, step):
        wanted = min(step, total - start) * dtype.itemsize
        data = stream.read(wanted)
        if len(data) < wanted:
            raise EOFError("an array is shorter than its header says")
        yield start, np.frombuffer(data, dtype)
    if stream.read(1):
        raise EOFError("an array is longer than its header says")


def _read(archive: zipfile.ZipFile, member: str) -> NDArray[Any]:
    with archive.open(member) as stream:
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
