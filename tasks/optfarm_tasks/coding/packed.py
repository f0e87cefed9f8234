"""Says how large an artifact is once general packers have been over it: what a download or an image of it takes."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from optfarm_tasks.frameworks.imports import require

_CHUNK_BYTES = 1 << 20
_GZIP_LEVEL, _GZIP_BITS = 6, 31
_ZSTD_LEVEL = 3
"""What zstd itself takes when nothing is said, as container images and updates do."""
ZSTD_STRONG = 19
"""The strongest that unpacks in the usual memory: what another coder has to beat."""


class _Coder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def gzip_bytes(folder: Path) -> int:
    """What gzip -6 makes of all files of a folder coded as one, the usual way to state a size after entropy coding."""
    return _coded_bytes(folder, zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_BITS))


def zstd_bytes(folder: Path, *, level: int = _ZSTD_LEVEL) -> int:
    """The same for zstd; at ZSTD_STRONG it takes about a quarter of a second a megabyte, at its usual level 3 no time.

    Raises:
        MissingToolchain: zstandard does not import here.
    """
    require(("zstandard",), user="the size by zstd")
    import zstandard  # noqa: PLC0415 (techniques are listed where no worker is installed)

    size = sum(path.stat().st_size for path in _files(folder))
    return _coded_bytes(folder, zstandard.ZstdCompressor(level=level).compressobj(size=size))


def _coded_bytes(folder: Path, coder: _Coder) -> int:
    return sum(len(coder.compress(piece)) for piece in _pieces(folder)) + len(coder.flush())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _pieces(folder: Path) -> Iterator[bytes]:
    for path in _files(folder):
        with path.open("rb") as stream:
            while piece := stream.read(_CHUNK_BYTES):
                yield piece
