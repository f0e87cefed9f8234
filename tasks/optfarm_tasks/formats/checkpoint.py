"""Reads the index of a TensorFlow checkpoint: which tensors it has, and whether its shards hold them.

The index is a sorted table as in LevelDB (tensorflow/core/lib/io/format.cc): blocks of keys that share prefixes,
a block that lists the blocks, and a footer that finds it. Values are BundleEntryProto (tensor_bundle.proto).
"""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from optfarm_tasks.description import Shape
from optfarm_tasks.formats.raw import Malformed, cut, text, view
from optfarm_tasks.formats.tensorflow_types import dtype_name, shape_of
from optfarm_tasks.formats.wire import first, integer, messages, varint

_FOOTER_BYTES = 48
_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_TRAILER_BYTES = 5
_MOST_SHARDS = 100_000
_COUNTERS = frozenset({"bool", "int32", "int64", "string", "uint32", "uint64"})
"""Variables of these types count steps or seed dropout; they are no weights."""
_TRAINING = ("optimizer/", "keras_api/metrics/", "save_counter/", "_CHECKPOINTABLE_OBJECT_GRAPH")


@dataclass(frozen=True)
class Entry:
    """One tensor of a checkpoint and where its bytes lie."""

    key: str
    dtype: str
    shape: Shape
    shard: int
    offset: int
    size_bytes: int
    is_sliced: bool
    """Whether its bytes lie under the keys of its slices instead."""


def parameters(prefix: Path) -> int:
    """The number of weights in the checkpoint `prefix`.index, after checking that its shards are there and whole.

    Optimizer slots, metrics and counters are no weights.

    Raises:
        Malformed: the index is damaged, or a shard is missing or too short.
        OSError: a file cannot be read.
    """
    index = prefix.with_name(prefix.name + ".index")
    try:
        shards, entries = read_index(view(index))
    except Malformed as error:
        raise Malformed(f"variables/{index.name}: {error}") from error
    _check_shards(prefix, shards=shards, entries=entries)
    return sum(math.prod(size or 0 for size in entry.shape) for entry in _weights(entries))


def read_index(index: memoryview) -> tuple[int, tuple[Entry, ...]]:
    """The number of shards, and every tensor.

    Raises:
        Malformed: the bytes are no such index, or damaged.
    """
    pairs = dict(_pairs(index))
    header = pairs.pop(b"", None)
    if header is None:
        raise Malformed("it has no header; it is truncated or damaged")
    shards = integer(header, 1)
    if not 0 < shards <= _MOST_SHARDS:
        raise Malformed(f"it is damaged: it names {shards} shards")
    return shards, tuple(_entry(key, value) for key, value in pairs.items())


def _weights(entries: tuple[Entry, ...]) -> Iterator[Entry]:
    # Keras 3's export writes each weight twice: under variables/ and under _all_variables/.
    twice = any(entry.key.startswith("variables/") for entry in entries)
    skipped = (*_TRAINING, "_all_variables/") if twice else _TRAINING
    for entry in entries:
        is_state = "/.OPTIMIZER_SLOT/" in entry.key or entry.dtype in _COUNTERS
        is_slice = entry.key.startswith("\0")
        if not (is_state or is_slice or entry.key.startswith(skipped)):
            yield entry


def _check_shards(prefix: Path, *, shards: int, entries: tuple[Entry, ...]) -> None:
    wanted = dict.fromkeys(range(shards), 0)
    for entry in entries:
        if entry.shard not in wanted:
            raise Malformed(f"it is damaged: {entry.key} lies in shard {entry.shard} of {shards}")
        if not entry.is_sliced:
            wanted[entry.shard] = max(wanted[entry.shard], entry.offset + entry.size_bytes)
    for shard, size_bytes in wanted.items():
        path = prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}")
        if not path.is_file():
            raise Malformed(f"variables/{path.name} is missing")
        if path.stat().st_size < size_bytes:
            raise Malformed(f"variables/{path.name} is truncated: {path.stat().st_size} bytes of {size_bytes}")


def _entry(key: bytes, value: memoryview) -> Entry:
    shape = shape_of(first(value, 2))
    if shape is None or None in shape:
        raise Malformed("it is damaged: a tensor has no shape")
    return Entry(
        key=text(memoryview(key)) if not key.startswith(b"\0") else "\0",
        dtype=dtype_name(integer(value, 1)),
        shape=shape,
        shard=integer(value, 3),
        offset=integer(value, 4),
        size_bytes=integer(value, 5),
        is_sliced=any(True for _ in messages(value, 7)),
    )


def _pairs(index: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    if len(index) < _FOOTER_BYTES or index[-8:] != _MAGIC:
        raise Malformed("it does not end as a checkpoint index does; it is truncated or something else")
    footer = index[-_FOOTER_BYTES:]
    _, at = varint(footer, 0)
    _, at = varint(footer, at)
    end = 0
    for _, handle in _pairs_of(_block(index, *_place(footer[at:]))):
        offset, size = _place(handle)
        if offset < end:
            raise Malformed("it is damaged: its blocks overlap")
        end = offset + size
        yield from _pairs_of(_block(index, offset, size))


def _place(handle: memoryview) -> tuple[int, int]:
    offset, at = varint(handle, 0)
    return offset, varint(handle, at)[0]


def _pairs_of(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The pairs of one block; a key is stored as what differs from the key before."""
    restarts = int.from_bytes(cut(block, len(block) - 4, 4, what="a block"), "little")
    pairs = cut(block, 0, len(block) - 4 * (restarts + 1), what="a block")
    key, at = b"", 0
    while at < len(pairs):
        shared, at = varint(pairs, at)
        fresh, at = varint(pairs, at)
        size, at = varint(pairs, at)
        key = key[:shared] + bytes(cut(pairs, at, fresh, what="a key"))
        yield key, cut(pairs, at + fresh, size, what="a value")
        at += fresh + size


def _block(index: memoryview, offset: int, size: int) -> memoryview:
    block = cut(index, offset, size + _TRAILER_BYTES, what="a block")
    if block[size] != 0:
        raise Malformed("its blocks are compressed, which TensorFlow does not write; it is damaged")
    if _masked_crc32c(block[: size + 1]) != int.from_bytes(block[size + 1 :], "little"):
        raise Malformed("it is damaged: the checksum of a block is wrong")
    return block[:size]


def _masked_crc32c(data: memoryview) -> int:
    """CRC-32C, turned and shifted as LevelDB stores it (leveldb/util/crc32c.h)."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@functools.cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for entry in range(256):
        crc = entry
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)
