"""A build as files for other programs: frames as TIFF or PNG, signals as Parquet or HDF5, one line for each layer.

Owns names, formats and that an export which was stopped goes on; refuses to change the build and to overwrite a file.

    OUT/export.json                    what was asked for, and what the build is
    OUT/layers.csv                     one line a layer: height, times, files, or why there is none; written last
    OUT/frames/<camera>/layer_000012.tif
    OUT/recoat/<camera>/layer_000012.tif, where the fresh powder was photographed
    OUT/signals/layer_000012.parquet   one row a sample: time_s, and the code of each channel
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitor import __version__
from monitor.domain import Frame, Gap, Signal, StoreError
from monitor.store.reader import BuildReader

FrameFormat = Literal["tiff", "png", "none"]
SignalFormat = Literal["parquet", "hdf5", "none"]
Progress = Callable[[int, int], None]
SUFFIX = {"tiff": ".tif", "png": ".png", "parquet": ".parquet", "hdf5": ".h5"}


@dataclass(frozen=True)
class ExportOrder:
    """What is exported.

    Attributes:
        frames: format of the cameras' frames; all their bits are kept.
        signals: format of the trigger signals; the converter's own codes, with their scales beside them.
        first: first layer.
        stop: the layer after the last; None for all that are committed.
    """

    frames: FrameFormat = "tiff"
    signals: SignalFormat = "parquet"
    first: int = 0
    stop: int | None = None


def export_build(reader: BuildReader, out: Path, order: ExportOrder, progress: Progress | None = None) -> Path:
    """Write the files of a build, which may still be running; those that are there already are kept as they are.

    Args:
        reader: the build.
        out: directory; it is made, or holds the same export that was stopped or is older.
        order: what is wanted.
        progress: told how many layers are done, of how many.

    Returns:
        The table of layers, `out/layers.csv`.

    Raises:
        StoreError: the directory holds something else, cannot be written, or the build is damaged.
    """
    try:
        _begin(reader, out, order)
        layers = [index for index in reader.layers() if order.first <= index < (order.stop or index + 1)]
        rows = []
        for done, index in enumerate(layers):
            rows.append(_layer(reader, out, order, index))
            if progress:
                progress(done + 1, len(layers))
        return _table(out, [camera.name for camera in reader.facts], rows)
    except OSError as error:
        raise StoreError(
            f"{error.filename or out}: {error.strerror or error}", cure="name a directory that can be written"
        ) from error


def _begin(reader: BuildReader, out: Path, order: ExportOrder) -> None:
    """Say what this export is, or check that the one that is there is the same."""
    manifest = reader.manifest
    facts = {
        "build": manifest.id,
        "name": manifest.name,
        "origin": manifest.origin,
        "grid": asdict(manifest.grid),
        "cameras": [camera.name for camera in reader.facts],
        "frames": order.frames,
        "signals": order.signals,
        "software": __version__,
    }
    file = out / "export.json"
    if file.is_file():
        if json.loads(file.read_text(encoding="utf-8")) != json.loads(json.dumps(facts)):
            raise StoreError(f"{out}: holds another export", cure="name another directory, or remove this one")
        return
    if out.is_dir() and any(out.iterdir()):
        raise StoreError(f"{out}: is not empty and holds no export", cure="name a new or an empty directory")
    out.mkdir(parents=True, exist_ok=True)
    _write(file, json.dumps(facts, indent=2, ensure_ascii=False).encode())


def _layer(reader: BuildReader, out: Path, order: ExportOrder, index: int) -> dict[str, object]:
    record = reader.record(index)
    row: dict[str, object] = {
        "layer": index,
        "height_mm": record.height_mm,
        "wall_time": record.wall_time,
        "laser_first_on_s": record.end.first_on_s,
        "laser_off_s": record.end.off_s,
        "laser_on_time_s": record.end.on_time_s,
    }
    for camera in reader.facts:
        file, why = _frame(reader, out, order, index, camera.name)
        shot = record.frames.get(camera.name)
        row |= {camera.name: file, f"{camera.name}_missing": why, f"{camera.name}_time_s": shot.time_s if shot else ""}
        if camera.name in record.recoats or camera.name in record.recoat_gaps:
            file, why = _recoat(reader, out, order, index, camera.name)
            row |= {f"{camera.name}_recoat": file, f"{camera.name}_recoat_missing": why}
    file, why = _signal(reader, out, order, index)
    return row | {"signal": file, "signal_missing": why}


def _frame(reader: BuildReader, out: Path, order: ExportOrder, index: int, camera: str) -> tuple[str, str]:
    """File of one frame inside the export, or why there is none."""
    gap = reader.record(index).gaps.get(camera)
    if order.frames == "none" or gap is not None:
        return "", gap or "not exported"
    name = f"frames/{camera}/layer_{index:06d}{SUFFIX[order.frames]}"
    _encoded(out / name, order, lambda: reader.capture(index, camera))
    return name, ""


def _recoat(reader: BuildReader, out: Path, order: ExportOrder, index: int, camera: str) -> tuple[str, str]:
    """File of one recoat frame inside the export, or why there is none."""
    record = reader.record(index)
    gap = record.recoat_gaps.get(camera)
    if order.frames == "none" or gap is not None:
        return "", gap or "not exported"
    name = f"recoat/{camera}/layer_{index:06d}{SUFFIX[order.frames]}"
    _encoded(out / name, order, lambda: reader.recoat(index, camera))
    return name, ""


def _encoded(path: Path, order: ExportOrder, read: Callable[[], Frame | Gap | None]) -> None:
    """Write a frame's file unless it is there."""
    if path.exists():
        return
    capture = read()
    assert isinstance(capture, Frame)  # noqa: S101 - its record says so
    pixels = capture.image if capture.image.ndim == 2 else capture.image[..., ::-1]
    done, data = cv2.imencode(path.suffix, np.ascontiguousarray(pixels))
    if not done:
        raise StoreError(f"{path}: cannot be encoded", cure="choose the other format of frames")
    _write(path, data.tobytes())


def _signal(reader: BuildReader, out: Path, order: ExportOrder, index: int) -> tuple[str, str]:
    """File of one signal inside the export, or why there is none."""
    record = reader.record(index)
    if order.signals == "none" or record.signal is None:
        return "", record.signal_gap or "not exported"
    name = f"signals/layer_{index:06d}{SUFFIX[order.signals]}"
    path = out / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        save = _parquet if order.signals == "parquet" else _hdf5
        save(partial, index, reader.signal_pieces(index))
        partial.replace(path)
    return name, ""


def _parquet(path: Path, index: int, pieces: Iterator[Signal]) -> None:
    """Piece by piece, one row group each, so that a long layer needs no memory."""
    writer: pq.ParquetWriter | None = None
    for piece in pieces:
        names = [channel.name for channel in piece.channels]
        if writer is None:
            fields = [pa.field("time_s", pa.float64())]
            fields += [pa.field(c.name, pa.int16(), metadata=_texts(asdict(c))) for c in piece.channels]
            schema = pa.schema(fields, metadata=_texts(_facts(index, piece)))
            writer = pq.ParquetWriter(
                path, schema, compression="zstd", use_dictionary=False, use_byte_stream_split=["time_s"]
            )
        columns = {"time_s": piece.times(), **dict(zip(names, piece.codes, strict=True))}
        writer.write_table(pa.table(columns, schema=writer.schema))
    if writer:
        writer.close()


def _hdf5(path: Path, index: int, pieces: Iterator[Signal]) -> None:
    """One data set (samples, channels) of codes, and the time of each sample."""
    try:
        import h5py
    except ImportError as error:
        raise StoreError(
            "HDF5 cannot be written: h5py is not installed",
            cure="run `pip install 'lpbf-monitor[export]'`, or export Parquet",
        ) from error
    with h5py.File(path, "w") as file:
        sets: list[Any] = []
        for piece in pieces:
            if not sets:
                sets = _data_sets(file, index, piece)
            for data, values in zip(sets, (piece.codes.T, piece.times()), strict=True):
                begin = data.shape[0]
                data.resize(begin + piece.samples, axis=0)
                data[begin:] = values


def _data_sets(file: Any, index: int, piece: Signal) -> list[Any]:
    """Empty data sets "codes" and "time_s" that grow."""
    count = len(piece.channels)
    options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "chunks": True}
    codes = file.create_dataset("codes", (0, count), "i2", maxshape=(None, count), **options)
    codes.attrs["channels"] = json.dumps([asdict(c) for c in piece.channels], ensure_ascii=False)
    file.attrs.update(_facts(index, piece))
    return [codes, file.create_dataset("time_s", (0,), "f8", maxshape=(None,), **options)]


def _facts(index: int, piece: Signal) -> dict[str, object]:
    return {"layer": index, "rate_hz": piece.rate_hz, "decimation": piece.decimation, "volts": "zero + step × code"}


def _texts(facts: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in facts.items()}


def _table(out: Path, cameras: list[str], rows: list[dict[str, object]]) -> Path:
    """One line for each layer of this export."""
    text = io.StringIO()
    columns = ["layer", "height_mm", "wall_time", "laser_first_on_s", "laser_off_s", "laser_on_time_s"]
    columns += [f"{camera}{what}" for camera in cameras for what in ("", "_missing", "_time_s")]
    recoats = [f"{camera}_recoat{what}" for camera in cameras for what in ("", "_missing")]
    columns += [column for column in recoats if any(column in row for row in rows)]
    writer = csv.DictWriter(text, [*columns, "signal", "signal_missing"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    _write(out / "layers.csv", text.getvalue().encode())
    return out / "layers.csv"


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)
