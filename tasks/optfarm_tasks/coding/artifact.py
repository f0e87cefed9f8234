"""Writes an artifact as a `.coded` file and reports its size beside that of gzip and zstd."""

from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.coding import container, packed
from optfarm_tasks.description import Format
from optfarm_tasks.technique import Work

FILE = "model.coded"


def code(folder: Path, work: Work) -> dict[str, Any]:
    """Writes model.coded of a runnable model's folder; returns its size, and the folder's size as it is and packed.

    zstd packs as strongly as it can here: a coder of its own has to be better than that to be worth having.
    """
    work.on_progress("coding", 0.9)
    described = formats.describe(folder)
    container.encode(folder, work.output / FILE, model=described)
    return {
        "within": described.format,
        "size_bytes": described.size_bytes,
        "coded_bytes": (work.output / FILE).stat().st_size,
        "gzip_bytes": packed.gzip_bytes(folder),
        "zstd_19_bytes": packed.zstd_bytes(folder, level=packed.ZSTD_STRONG),
    }


YIELDS = dict.fromkeys((Format.SAVED_MODEL, Format.TFLITE, Format.KERAS, Format.H5), Format.CODED)
