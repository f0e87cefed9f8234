"""Codes an artifact, and says how large it is beside general packers."""

import importlib
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.coding import container
from optfarm_tasks.convert import gzip_bytes
from optfarm_tasks.description import Format
from optfarm_tasks.technique import Work

FILE = "model.coded"
_ZSTD_LEVEL = 19


def code(folder: Path, work: Work) -> dict[str, Any]:
    """Writes model.coded of a runnable model's folder; gives its size, and the folder's size as it is and packed."""
    work.report("coding", 0.9)
    described = formats.describe(folder)
    container.encode(folder, work.output / FILE, model=described)
    return {
        "within": described.format,
        "size_bytes": described.size_bytes,
        "coded_bytes": (work.output / FILE).stat().st_size,
        "gzip_bytes": gzip_bytes(folder),
        **_zstd(folder),
    }


def _zstd(folder: Path) -> dict[str, Any]:
    """Size after zstd -19, or why it is not known."""
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError as error:
        return {"zstd_bytes": None, "zstd": f"not compared: {error}"}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
    return {"zstd_bytes": len(packer.compress(b"".join(path.read_bytes() for path in files)))}


YIELDS = dict.fromkeys((Format.SAVED_MODEL, Format.TFLITE, Format.KERAS, Format.H5), Format.CODED)
