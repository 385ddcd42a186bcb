"""The signal and the laser-on map of one layer in a build. Owns how they are stored, committed with it, and read again.

A layer's signal is one Zarr array (channels, samples) of int16, one shard, in chunks of time: any piece of it is read
without the rest. Everything that its numbers mean is in the layer's record, and again in the array's attributes for
those who open it without this program.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import MemoryStore

from monitor.domain import Codes, LaserMap, Signal, StoreCorrupt
from monitor.store.arrays import DurableStore, LayerArray, ensure_group
from monitor.store.disk import disk_errors
from monitor.store.records import ArrayRecord, LaserMapRecord, SignalRecord, has_digest
from monitor.store.shards import COMPRESSOR
from monitor.store.spool import LayerSignal
from monitor.store.stored import UNREADABLE, first_line

EXPOSURE = "laser/exposure"
SHARD = "c.0.0"


def signal_path(index: int) -> str:
    """Where a layer's signal is in its build."""
    return f"signals/{index:06d}"


class SignalStore:
    """Puts signals and laser-on maps into one build; the caller syncs the folders and writes the record."""

    def __init__(self, store: DurableStore) -> None:
        self._store = store
        self._maps: LayerArray | None = None

    def writes(self, index: int, signal: LayerSignal) -> list[Callable[[], None]]:
        """What is to be done for one layer, in any order and from any thread; doing it again does no harm."""
        todo: list[Callable[[], None]] = []
        if signal.record is not None or signal.laser_map is not None:
            ensure_group(self._store, "")
        if signal.record is not None and signal.file is not None:
            ensure_group(self._store, "signals")
            record, file = signal.record, signal.file
            todo.append(lambda: self._place(index, record, file))
        if signal.laser_map is not None:
            exposure = signal.laser_map.exposure_us
            if self._maps is None:
                ensure_group(self._store, "laser", {"unit": "µs"})
                self._maps = LayerArray.open_or_create(self._store, EXPOSURE, exposure.shape, "float32")
            todo.append(self._maps.begin(index, exposure))
        return todo

    def _place(self, index: int, record: SignalRecord, file: Path) -> None:
        path = signal_path(index)
        self._store.put(f"{path}/zarr.json", (_metadata(record),))
        self._store.adopt(f"{path}/{SHARD}", file)


def map_record(found: LaserMap) -> LaserMapRecord:
    """What a layer's record says of its laser-on map."""
    lit = found.exposure_us[found.exposure_us > 0]
    level = float(np.percentile(lit, 99)) if lit.size else 1.0
    white = float(2.0 ** np.ceil(np.log2(level)))
    return LaserMapRecord(ArrayRecord.of(found.exposure_us), found.outside_us, found.unknown_us, white)


def read_pieces(
    folder: Path, index: int, record: SignalRecord, what: str, cure: str, *, start: int = 0, verify: bool = True
) -> Iterator[Signal]:
    """A layer's signal, chunk by chunk, from the one that holds sample `start` on.

    Raises:
        StoreCorrupt: a chunk cannot be decoded or is not what its digest says; `what` and `cure` are told.
        StoreError: the disk failed.
    """
    array: zarr.Array[Any] | None = None
    for number in range(start // record.chunk, len(record.digests)):
        first = number * record.chunk
        stop = min(first + record.chunk, record.samples)
        with disk_errors(what):
            try:
                store = DurableStore(folder, read_only=True)
                array = array or zarr.open_array(store, path=signal_path(index), mode="r")
                codes = np.asarray(array[:, first:stop])
            except UNREADABLE as error:
                raise StoreCorrupt(f"{what} cannot be decoded: {first_line(error)}", cure=cure) from error
        if codes.dtype != np.int16 or codes.shape != (len(record.channels), stop - first):
            raise StoreCorrupt(f"{what} is {codes.dtype} {codes.shape}", cure=cure)
        if verify and not has_digest(codes, record.digests[number]):
            raise StoreCorrupt(f"{what} does not match its digest (samples {first} to {stop - 1})", cure=cure)
        yield _piece(record, codes, first)


def read_part(
    folder: Path, index: int, record: SignalRecord, start: int, stop: int, what: str, cure: str, *, verify: bool = True
) -> Signal:
    """Samples start … stop − 1 of a layer's signal; errors as in `read_pieces`."""
    codes = np.empty((len(record.channels), max(0, stop - start)), np.int16)
    if stop > start:
        place = start // record.chunk * record.chunk
        for piece in read_pieces(folder, index, record, what, cure, start=start, verify=verify):
            low, high = max(start, place), min(stop, place + piece.samples)
            codes[:, low - start : high - start] = piece.codes[:, low - place : high - place]
            place += piece.samples
            if place >= stop:
                break
    return _piece(record, codes, start)


def _piece(record: SignalRecord, codes: Codes, first: int) -> Signal:
    step = (record.end_s - record.time_s) / max(1, record.samples)
    begin = record.time_s + step * first
    end = begin + step * codes.shape[1]
    return Signal(record.channels, codes, record.rate_hz, begin, end, record.decimation, record.to_plate)


def _metadata(record: SignalRecord) -> bytes:
    """The array's zarr.json, as zarr itself writes it."""
    memory: dict[str, Any] = {}
    chunks = len(record.digests)
    facts = asdict(record)
    for name in ("samples", "chunk", "digests"):
        del facts[name]
    zarr.create_array(
        MemoryStore(memory),
        shape=(len(record.channels), record.samples),
        dtype="int16",
        chunks=(len(record.channels), record.chunk),
        shards=(len(record.channels), record.chunk * chunks),
        compressors=COMPRESSOR,
        fill_value=0,
        chunk_key_encoding={"name": "default", "separator": "."},
        dimension_names=("channel", "time"),
        attributes=json.loads(json.dumps(facts)),
    )
    return bytes(memory["zarr.json"].to_bytes())
