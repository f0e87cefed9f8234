"""Frames on a pipe between the controller and a resident: a JSON header and a body of raw bytes."""

import json
import struct
from typing import Any, BinaryIO


class Closed(Exception):
    """The other side of the pipe is gone."""


_LENGTHS = struct.Struct("!II")


def send(stream: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    """Writes one frame and flushes it.

    Raises:
        Closed: the other side is gone.
    """
    text = json.dumps(header).encode()
    try:
        stream.write(_LENGTHS.pack(len(text), len(body)) + text + body)
        stream.flush()
    except BrokenPipeError as error:
        raise Closed("nobody reads the pipe any more") from error


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Blocks until a whole frame has come.

    Raises:
        Closed: the other side is gone.
    """
    header_bytes, body_bytes = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    header: dict[str, Any] = json.loads(_exactly(stream, header_bytes))
    return header, _exactly(stream, body_bytes)


def _exactly(stream: BinaryIO, size_bytes: int) -> bytes:
    found = stream.read(size_bytes)
    if len(found) < size_bytes:
        raise Closed(f"the pipe ended after {len(found)} of {size_bytes} bytes")
    return found
