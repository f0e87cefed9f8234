"""The log of a child: what it prints comes through a pipe, and what is too much leaves the middle of the file.

The child has no handle on the file: what it printed while another shortened the file could be lost, its last lines
above all. Standard library only, as the supervisor.
"""

import contextlib
import os
from pathlib import Path

PIECE_BYTES = 1 << 16
"""What a pipe holds."""
_CUT = b"\n[cut here: the log grew too long]\n"


class ChildLog:
    """Copies a pipe to the end of a file."""

    def __init__(self, path: Path, *, limit_bytes: int, output: int) -> None:
        """Opens the file.

        Args:
            path: the file; what it holds stays.
            limit_bytes: how long it may grow.
            output: the reading end of the pipe.
        """
        os.set_blocking(output, False)
        self.output = output
        self._limit_bytes = limit_bytes
        self._file = path.open("a+b", buffering=0)

    def copy(self) -> bool:
        """Copies one piece; False where there is none: of a pipe that is readable, nobody writes into it any more."""
        with contextlib.suppress(BlockingIOError):
            piece = os.read(self.output, PIECE_BYTES)
            # A full disk costs the log and not the task, whose own files fail by it.
            with contextlib.suppress(OSError):
                self._keep(piece)
            return bool(piece)
        return False

    def _keep(self, piece: bytes) -> None:
        self._file.write(piece)
        if self._file.tell() > self._limit_bytes:
            self._cut()

    def _cut(self) -> None:
        """Keeps the first half of what the limit allows, and half of the other half for the newest lines."""
        self._file.seek(-(self._limit_bytes // 4), os.SEEK_END)
        newest = self._file.read()
        self._file.truncate(self._limit_bytes // 2)
        self._file.write(_CUT + newest)
