"""HTTP to one server over kept-alive connections that threads share.

Plain http.client, because one request through boto3 takes four times the processor time and one through urllib3 nearly
twice, and all threads of a process share one interpreter (docs/storage.md).
"""

import http.client
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from optfarm_storage.errors import Unavailable

PIECE_BYTES = 1 << 20
"""What one read or write moves."""
_CONNECT_S, _READ_S = 5, 60
_FRESH_S = 0.1
_OK = range(200, 300)


class Source(Protocol):
    """A body that is sent piece by piece."""

    def read(self, length: int = ..., /) -> bytes:
        """At most `length` bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: http.client.HTTPMessage
    """Looked up in any case."""
    body: bytes

    @property
    def is_ok(self) -> bool:
        """Whether it did what was asked."""
        return self.status in _OK


class Wire:
    """Connections to one server. Every method blocks.

    A request is sent once: whoever must know what became of one whose answer was lost has to ask anew (Retry).
    """

    def __init__(self, endpoint: str) -> None:
        """An endpoint is http://host:port or https://host."""
        parts = urlsplit(endpoint)
        self._endpoint = endpoint
        self._address = (parts.hostname or "", parts.port)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._idle: deque[tuple[http.client.HTTPConnection, float]] = deque()

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        *,
        body: bytes | Source = b"",
        size_bytes: int = 0,
        take: Callable[[memoryview], None] | None = None,
    ) -> Answer:
        """One request.

        Args:
            method: GET, PUT, HEAD.
            target: path and query.
            headers: sent as they are.
            body: what is sent; one Source is read once.
            size_bytes: of the body.
            take: gets the body of a success piece by piece; the answer then has none.

        Raises:
            Unavailable: no answer, or it broke off.
        """
        with self._borrowed() as connection:
            length = {"content-length": str(size_bytes)} if method == "PUT" else {}
            is_sent = _send(connection, method, target, headers={**headers, **length}, body=body)
            answer = connection.getresponse()
            content = answer.read() if take is None or answer.status not in _OK else _stream(answer, take)
            if not is_sent:
                connection.close()
            return Answer(answer.status, answer.headers, content)

    def close(self) -> None:
        """Closes what is idle."""
        while self._idle:
            self._idle.pop()[0].close()

    @contextmanager
    def _borrowed(self) -> Iterator[http.client.HTTPConnection]:
        connection = self._connection()
        try:
            yield connection
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unavailable(f"{self._endpoint} does not answer: {str(error) or type(error).__name__}") from error
        except _FileTrouble as trouble:
            connection.close()
            raise trouble.error from None
        except BaseException:
            connection.close()
            raise
        self._idle.append((connection, time.monotonic()))

    def _connection(self) -> http.client.HTTPConnection:
        while self._idle:
            connection, since = self._idle.pop()
            if connection.sock is not None and not _is_closed_by_server(connection.sock, since):
                return connection
            connection.close()
        return self._connected()

    def _connected(self) -> http.client.HTTPConnection:
        host, port = self._address
        if self._tls is None:
            connection = http.client.HTTPConnection(host, port, timeout=_CONNECT_S, blocksize=PIECE_BYTES)
        else:
            connection = http.client.HTTPSConnection(
                host, port, timeout=_CONNECT_S, blocksize=PIECE_BYTES, context=self._tls
            )
        try:
            connection.connect()
        except OSError as error:
            raise Unavailable(f"{self._endpoint} does not answer: {error}") from error
        connection.sock.settimeout(_READ_S)
        return connection


class _FileTrouble(Exception):
    """An OSError of the caller's file, which says nothing of the server."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class _Guarded:
    """A body whose own trouble is kept apart from the server's."""

    source: Source

    def read(self, length: int = -1, /) -> bytes:
        try:
            return self.source.read(length)
        except OSError as error:
            raise _FileTrouble(error) from error


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str],
    body: bytes | Source,
) -> bool:
    """Whether all was sent; a server that refuses early has said why, so the answer is still to be read."""
    content = body if isinstance(body, bytes) else _Guarded(body)
    try:
        connection.request(method, target, body=content or None, headers=headers)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _is_closed_by_server(sock: socket.socket, idle_since: float) -> bool:
    """An idle connection has something to read only then; one that was in use just now is not worth the question."""
    if time.monotonic() - idle_since < _FRESH_S:
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _stream(answer: http.client.HTTPResponse, take: Callable[[memoryview], None]) -> bytes:
    expected, moved = answer.length, 0
    buffer = memoryview(bytearray(min(expected or PIECE_BYTES, PIECE_BYTES)))
    while size := answer.readinto(buffer):
        _hand_over(buffer[:size], take)
        moved += size
    if expected is not None and moved != expected:
        raise http.client.IncompleteRead(b"", expected - moved)
    return b""


def _hand_over(piece: memoryview, take: Callable[[memoryview], None]) -> None:
    try:
        take(piece)
    except OSError as error:
        raise _FileTrouble(error) from error
