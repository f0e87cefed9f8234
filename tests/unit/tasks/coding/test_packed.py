"""Sizes under general packers are those that the packers' own files have."""

import gzip
from pathlib import Path

import numpy as np
import zstandard

from optfarm_tasks.coding import packed


def test_files_are_packed_as_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    halves = [rng.choice(np.arange(4, dtype=np.uint8), 100_000).tobytes() for _ in range(2)]
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(halves[0])
    (tmp_path / "variables" / "variables.data").write_bytes(halves[1])
    whole = b"".join(halves)

    usual, strong = packed.zstd_bytes(tmp_path), packed.zstd_bytes(tmp_path, level=packed.ZSTD_STRONG)

    assert packed.gzip_bytes(tmp_path) == len(gzip.compress(whole, 6))
    assert (usual, strong) == (len(zstandard.compress(whole, 3)), len(zstandard.compress(whole, 19)))
    assert len(whole) / 4 < strong < usual
