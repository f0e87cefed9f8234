"""Sends the messages of protocol.py through a pipe, as frames of a JSON header and a body of raw bytes."""

import json
import struct
from typing import Any, BinaryIO

from optfarm_tasks.benchmark.process import protocol


class Closed(Exception):
    """The other side of the pipe is gone."""


_LENGTHS = struct.Struct("!II")


def send(stream: BinaryIO, message: Any) -> None:
    """Writes a command or a reply and flushes it.

    Raises:
        Closed: the other side is gone.
    """
    header, body = protocol.encode(message)
    text = json.dumps(header).encode()
    try:
        stream.write(_LENGTHS.pack(len(text), len(body)) + text + body)
        stream.flush()
    except BrokenPipeError as error:
        raise Closed("nobody reads the pipe any more") from error


def receive(stream: BinaryIO) -> Any:
    """The next command or reply; blocks until the whole of it has come.

    Raises:
        Closed: the other side is gone.
    """
    header_bytes, body_bytes = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    return protocol.decode(json.loads(_exactly(stream, header_bytes)), _exactly(stream, body_bytes))


def _exactly(stream: BinaryIO, size_bytes: int) -> bytes:
    found = stream.read(size_bytes)
    if len(found) < size_bytes:
        raise Closed(f"the pipe ended after {len(found)} of {size_bytes} bytes")
    return found
