"""One layer as one shard of Zarr v3. Owns its bytes: compressed strips, then their index.

The format is Zarr's `sharding_indexed` codec (https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed),
which zarr reads. It is written here because zarr 3.1 copies a frame several times on the way to its shard, which takes
longer than to compress it, and needs the shard whole in memory. Here strips are compressed side by side, and each goes
to the file as soon as it is its turn.

lz4 with bitshuffle is the fastest codec here that still saves a third.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import google_crc32c
import numcodecs.blosc
import numpy as np
import numpy.typing as npt
from zarr.codecs import BloscCodec

COMPRESSOR = BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle")
"""How the strips are described to zarr."""
_CODEC = numcodecs.blosc.Blosc("lz4", 5, numcodecs.blosc.BITSHUFFLE)

# Threads are those of the caller's pool: codecs that start their own would fight for the cores with other processes.
numcodecs.blosc.use_threads = False


def shard(values: npt.NDArray[Any], strip: int, fill: Any, pool: Executor | None = None) -> Iterator[bytes]:
    """Begin to compress a layer, and yield the bytes of its shard, piece by piece.

    Args:
        values: one layer, (rows, ...).
        strip: rows of one strip; a last strip that is not full is filled up.
        fill: value with which it is filled up.
        pool: compresses the strips, from now on; None for the thread that asks for them.
    """
    strips = (_whole(values[first : first + strip], strip, fill) for first in range(0, values.shape[0], strip))
    return _indexed((pool.map if pool else map)(_CODEC.encode, strips))


def _indexed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, then where each one lies."""
    sizes = []
    for piece in pieces:
        yield piece
        sizes.append(len(piece))
    yield index_of(sizes)


def compress(values: npt.NDArray[Any]) -> bytes:
    """The bytes of one chunk, which must be whole and in C order."""
    return bytes(_CODEC.encode(values))


def index_of(sizes: Sequence[int]) -> bytes:
    """The index that ends a shard of pieces of these sizes, one after the other from its beginning."""
    ends = np.cumsum(sizes, dtype=np.uint64)
    index = np.stack([ends - np.array(sizes, np.uint64), np.array(sizes, np.uint64)], axis=1).astype("<u8").tobytes()
    return index + int(google_crc32c.value(index)).to_bytes(4, "little")


def _whole(rows: npt.NDArray[Any], strip: int, fill: Any) -> npt.NDArray[Any]:
    """The rows of one strip in C order, filled up where they are too few."""
    if len(rows) == strip:
        return np.ascontiguousarray(rows)
    whole = np.full((strip, *rows.shape[1:]), fill, rows.dtype)
    whole[: len(rows)] = rows
    return whole
