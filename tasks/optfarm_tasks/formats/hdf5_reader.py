"""Prints what an HDF5 file holds of a Keras model: python hdf5_reader.py FILE START SIZE_BYTES.

It is a script and no module of the package: on a damaged file the HDF5 library may crash, or loop for ever (one flipped
bit in a heap does it in 1.14), so it runs in a process that can be ended, and imports little to start soon.
"""

import io
import json
import math
import sys
from pathlib import Path
from typing import Any, BinaryIO

import h5py

_TRAINING = frozenset({"metrics", "optimizer", "optimizer_weights"})


class Window(io.RawIOBase):
    """A part of a file as a file: the weights of a .keras file are not copied to be looked at."""

    def __init__(self, stream: BinaryIO, *, start: int, size_bytes: int) -> None:
        """Opens the `size_bytes` bytes from `start`."""
        self._stream, self._start, self._size_bytes, self._at = stream, start, size_bytes, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """As any file."""
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # the stub's Buffer has no len
        """As any file."""
        size_bytes = max(0, min(len(buffer), self._size_bytes - self._at))
        self._stream.seek(self._start + self._at)
        found = self._stream.read(size_bytes)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def contents(stream: BinaryIO) -> dict[str, Any]:
    """The model's configuration as JSON text, or None; and the number of weights without optimizer, metrics, seeds."""
    with h5py.File(stream, "r") as file:
        config = file.attrs.get("model_config")
        return {"config": config.decode() if isinstance(config, bytes) else config, "parameters": _count(file)}


def _count(file: Any) -> int:
    sizes: list[int] = []

    def add(name: str, item: Any) -> None:
        is_state = name.partition("/")[0] in _TRAINING or "seed_generator" in name
        if isinstance(item, h5py.Dataset) and not is_state:
            sizes.append(math.prod(item.shape or ()))

    file.visititems(add)
    return sum(sizes)


def main(path: str, start: str, size_bytes: str) -> int:
    """Prints JSON and returns 0, or prints what is wrong to stderr and returns 1."""
    try:
        with Path(path).open("rb") as stream:
            window: Any = io.BufferedReader(Window(stream, start=int(start), size_bytes=int(size_bytes)))
            print(json.dumps(contents(window)))
    except (EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
