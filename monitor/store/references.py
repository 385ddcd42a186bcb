"""Reference masks: what a layer should look like (nominal slice or ground truth). Owns their array and records.

A mask that is replaced is gone for a moment and never torn: its record goes first, then the new mask is written, then
the new record.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from monitor.domain import Mask, NotInStore, PlateGrid, StoreCorrupt, StoreError
from monitor.store.arrays import DurableStore, LayerArray, ensure_group
from monitor.store.disk import disk_errors, make_folder, remove_durable, write_durable
from monitor.store.layout import build_folder, manifest_file, record_file, recorded
from monitor.store.records import ArrayRecord, BuildManifest, ReferenceRecord, read_record, to_json
from monitor.store.stored import StoredArrays

_PATH = "reference/mask"
_RETRIES = 3


def replace_reference(root: Path, build: str, index: int, mask: Mask) -> None:
    """Set or replace the reference mask of one layer of a build, running or ended.

    Args:
        root: directory of all builds.
        build: id of the build.
        index: the layer.
        mask: bool (rows, columns) in the plate grid.

    Raises:
        NotInStore: there is no such build.
        StoreError: the mask is not of the plate grid, or cannot be written.
    """
    folder = build_folder(root, build)
    manifest = read_record(BuildManifest, manifest_file(folder))
    write_reference(folder, manifest.grid, index, mask)


def write_reference(folder: Path, grid: PlateGrid, index: int, mask: Mask) -> None:
    """Write one mask into a build's folder; errors as in `replace_reference`."""
    what = f"reference mask of layer {index} in build {folder.name}"
    if mask.shape != grid.shape or mask.dtype != np.bool_:
        raise StoreError(
            f"{what} is {mask.dtype} {mask.shape}, the plate grid is bool {grid.shape}",
            cure="warp the mask into the plate grid first",
        )
    record = record_file(_records(folder), index)
    with disk_errors(what):
        make_folder(record.parent, folder)
        remove_durable(record)
        store = DurableStore(folder)
        ensure_group(store, "reference")
        LayerArray.open_or_create(store, _PATH, grid.shape, "bool").write(index, mask)
        store.sync_folders()
        write_durable(record, to_json(ReferenceRecord(index, ArrayRecord.of(mask))))


def read_reference(folder: Path, index: int) -> Mask | None:
    """Read one mask from a build's folder, None where there is none.

    Raises:
        StoreCorrupt: the stored mask is not the one that was written.
    """
    for _ in range(_RETRIES):
        try:
            record = read_record(ReferenceRecord, record_file(_records(folder), index))
        except NotInStore:
            return None
        try:
            return _stored(folder, record)
        except StoreCorrupt as error:
            corrupt = error  # or replaced between the two reads: look again
    raise corrupt


def reference_layers(folder: Path) -> tuple[int, ...]:
    """Indices of the layers that have a reference mask, in a build's folder."""
    return recorded(_records(folder))


def reference_digest(folder: Path, index: int) -> str:
    """Digest of one layer's mask as its record says, "" where there is none.

    Raises:
        StoreCorrupt: the record is damaged.
    """
    try:
        return read_record(ReferenceRecord, record_file(_records(folder), index)).array.digest
    except NotInStore:
        return ""


def _stored(folder: Path, record: ReferenceRecord) -> Mask:
    what = f"reference mask of layer {record.index} in build {folder.name}"
    cure = "set this layer's reference mask again"
    return np.asarray(StoredArrays(folder).read(_PATH, record.index, record.array.digest, what, cure), np.bool_)


def _records(folder: Path) -> Path:
    return folder / "reference" / "records"
