"""The `.coded` file: a header that describes the model and its files, then the code of each segment.

8 bytes   magic
4 bytes   length of the header, little-endian
header    JSON: `Header`
code      of the segments, in the order of the header
"""

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from optfarm_tasks.coding import segments
from optfarm_tasks.description import ModelDescription
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.raw import Malformed, cut, view
from optfarm_tasks.schema.faults import faults_of
from optfarm_tasks.schema.tree import File, scan
from optfarm_tasks.schema.value import Value

MAGIC = b"\x89OFC1\r\n\x1a"
_LENGTH_BYTES = 4
_MOST_HEADER_BYTES = 64 << 20


class Segment(Value):
    """A part of a file and of the code."""

    kind: segments.Kind
    size_bytes: int = Field(ge=0, le=1 << 40)
    coded_bytes: int = Field(ge=0)


class CodedFile(Value):
    """A file of the model and its segments, in order."""

    file: File
    segments: tuple[Segment, ...]


class Header(Value):
    """All that is known without decoding."""

    version: Literal[1] = 1
    model: ModelDescription
    """The model that comes out."""
    files: tuple[CodedFile, ...]


def encode(folder: Path, target: Path, *, model: ModelDescription) -> Header:
    """Codes all files of a model's folder into one file; equal folders give equal bytes."""
    files, codes = [], []
    for file in scan(folder).files:
        data = view(folder / file.path) if file.size_bytes else memoryview(b"")
        made = [(plan, segments.encode(data, plan)) for plan in segments.plans(data)]
        entries = tuple(
            Segment(kind=plan.kind, size_bytes=plan.end - plan.start, coded_bytes=len(code)) for plan, code in made
        )
        files.append(CodedFile(file=file, segments=entries))
        codes += [code for _, code in made]
    header = Header(model=model, files=tuple(files))
    text = json.dumps(header.model_dump(mode="json"), separators=(",", ":"), sort_keys=True).encode()
    target.write_bytes(b"".join([MAGIC, len(text).to_bytes(_LENGTH_BYTES, "little"), text, *codes]))
    return header


def read_header(path: Path) -> Header:
    """The header of a `.coded` file, its lengths checked against the file.

    Raises:
        BadModel: it is something else.
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    return _opened(path)[0]


def decode(path: Path, folder: Path) -> Header:
    """Writes the files that a `.coded` file was made from, bit for bit.

    Raises:
        BadModel: it is something else, truncated or damaged.
    """
    try:
        header, codes = _opened(path)
        for each in header.files:
            codes = _decode(each, codes, folder)
    except Malformed as error:
        raise BadModel(f"{path}: {error}. Copy the file again") from error
    return header


def _opened(path: Path) -> tuple[Header, memoryview]:
    data = view(path)
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise BadModel(f"{path} is no coded model: it begins with {bytes(data[: len(MAGIC)])!r}, not {MAGIC!r}")
    length = int.from_bytes(cut(data, len(MAGIC), _LENGTH_BYTES, what="its header's length"), "little")
    start = len(MAGIC) + _LENGTH_BYTES
    if length > _MOST_HEADER_BYTES:
        raise Malformed(f"its header claims {length} bytes; it is damaged")
    try:
        header = Header.model_validate_json(bytes(cut(data, start, length, what="its header")))
    except ValidationError as error:
        raise Malformed(f"its header is damaged ({faults_of(error)[0]})") from error
    codes = data[start + length :]
    _check_lengths(header, len(codes))
    return header, codes


def _check_lengths(header: Header, coded_bytes: int) -> None:
    claimed = sum(segment.coded_bytes for each in header.files for segment in each.segments)
    if claimed != coded_bytes:
        raise Malformed(
            f"it is truncated or damaged: its header speaks of {claimed} bytes of code, there are {coded_bytes}"
        )
    for each in header.files:
        size = sum(segment.size_bytes for segment in each.segments)
        if size != each.file.size_bytes:
            raise Malformed(
                f"it is damaged: the segments of {each.file.path} make {size} bytes of {each.file.size_bytes}"
            )


def _decode(coded: CodedFile, codes: memoryview, folder: Path) -> memoryview:
    """Writes one file, and gives the code behind it."""
    target = folder / coded.file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as stream:
        for segment in coded.segments:
            part = segments.decode(codes[: segment.coded_bytes], segment.kind, segment.size_bytes)
            codes = codes[segment.coded_bytes :]
            digest.update(part)
            stream.write(part)
    if digest.hexdigest() != coded.file.sha256:
        raise Malformed(f"{coded.file.path} does not come out as it went in; the code is damaged")
    return codes
