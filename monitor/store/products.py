"""Writing products. Owns the commit of one layer's products with its plane of the part volume; refuses to make them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt

from monitor.domain import LayerProduct, ProductState, StoreCorrupt, StoreError, Uptime
from monitor.store.arrays import DurableStore, LayerArray, ensure_group
from monitor.store.disk import disk_errors, make_folder, sync_folder, write_durable
from monitor.store.layout import commits_in, lock_file, product_folder, record_file, recorded
from monitor.store.lock import WriterLock
from monitor.store.omezarr import AXES, VolumeGrid, levels_for
from monitor.store.planes import KINDS, Planes, groups, planes_of
from monitor.store.reader import BuildReader
from monitor.store.records import ArrayRecord, ProductRecord, digest_of, to_json
from monitor.store.reserve import keep_reserve
from monitor.store.stored import UNREADABLE, first_line

ARRAYS = {
    "rectified": "uint8",
    "upscaled": "uint8",
    "spread": "uint8",
    "inconsistency": "uint8",
    "trust": "uint8",
    "mask": "bool",
    "probability": "uint8",
    "part_id": "uint16",
    "contours": "uint16",
}
"""The stored arrays of `LayerProduct` and their types; each but the contours is (rows, columns) of the plate grid."""


CONTOURS = (128, 720)
"""Parts of a layer whose contours are kept, and their angles."""
RADIUS_UNIT = 32
"""Radii of contours are stored in so many parts of a pixel."""


class ProductWriter:
    """Writes the products of one build, layer by layer, each committed whole or not at all.

    A context manager; it holds the product set's lock. Layers may come in any order, each once.
    """

    def __init__(self, reader: BuildReader, folder: Path, lock: WriterLock, recipe: Mapping[str, Any]) -> None:
        self._reader = reader
        self._grid = reader.manifest.grid
        self._folder = folder
        self._lock = lock
        self._recipe = recipe
        self._store = DurableStore(folder)
        self._arrays: dict[str, LayerArray] = {}

    @classmethod
    def open(
        cls, root: Path, build: str, product_set: str = "live", recipe: Mapping[str, Any] | None = None
    ) -> ProductWriter:
        """Hold a product set of a build, made where it is not there.

        Args:
            root: directory of all builds.
            build: id of the build.
            product_set: name of the set.
            recipe: plain JSON of the settings that the products follow from; kept in each record.

        Raises:
            NotInStore: there is no such build.
            StoreLocked: another process writes this product set.
            StoreFull: no space left.
        """
        reader = BuildReader.open(root, build)
        folder = product_folder(root / build, product_set)
        what = f"product set '{product_set}' of build {build}"
        with disk_errors(what):
            make_folder(commits_in(folder), root)
            lock = WriterLock(lock_file(folder), what)
            lock.acquire()
        return cls(reader, folder, lock, recipe or {})

    def layers(self) -> tuple[int, ...]:
        """Indices of the layers whose products are committed, ascending."""
        return recorded(commits_in(self._folder))

    def commit(self, product: LayerProduct) -> ProductRecord:
        """Store one layer's products and its plane of the part volume; durable on return.

        Raises:
            NotInStore: the layer itself is not committed.
            StoreError: its products are there already, an array does not fit the plate grid, or the disk failed.
            StoreFull: no space left. Nothing of the layer counts; the same products can be committed again.
        """
        arrays = self._check(product)
        what = f"products of layer {product.index} of build {self._reader.manifest.id}"
        planes = planes_of(product, self._grid.shape, levels_for(self._grid.shape))
        keep_reserve(self._folder.parents[2], what)
        with disk_errors(what):
            for name, values in arrays.items():
                self._array(name, values.shape, ARRAYS[name]).write(product.index, values)
            self._write_planes(product.index, planes)
            self._store.sync_folders()
            sync_folder(commits_in(self._folder.parents[1]))  # no product outlives its layer
            record = _record(product, arrays, planes, self._recipe)
            write_durable(record_file(commits_in(self._folder), product.index), to_json(record))
        return record

    def fit(self) -> None:
        """Once the build has ended: cut the part volume to its layers.

        Until then it has room for more, which a viewer shows as layers that are unknown. A build that goes on grows it
        again.

        Raises:
            StoreCorrupt: the metadata of an image is damaged.
            StoreError: the disk failed.
        """
        if self._reader.ended is None:
            return
        layers = max(self._reader.layers(), default=-1) + 1
        levels = range(levels_for(self._grid.shape))
        paths = [f"{kind.path}/{level}" for kind in KINDS.values() for level in levels]
        what = f"the volume of build {self._reader.manifest.id}"
        with disk_errors(what):
            for path in (p for p in paths if (self._folder / p).is_dir()):
                try:
                    LayerArray.open(self._store, path).fit(layers)
                except UNREADABLE as error:
                    said = f"{what} is damaged ({path}/zarr.json): {first_line(error)}"
                    raise StoreCorrupt(said, cure="process this build again into another product set") from error
            self._store.sync_folders()
        self._arrays.clear()

    def close(self) -> None:
        """Give the product set back; may be called twice."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, product: LayerProduct) -> dict[str, npt.NDArray[Any]]:
        what = f"products of layer {product.index} of build {self._reader.manifest.id}"
        if not self._lock.held:
            raise StoreError(f"{what}: the product set is closed", cure="open it again before writing")
        if record_file(commits_in(self._folder), product.index).is_file():
            raise StoreError(f"{what} are committed already", cure="write another product set beside this one")
        self._reader.record(product.index)
        if product.state is ProductState.MISSING:
            return {}
        arrays = {name: getattr(product, name) for name in ARRAYS if getattr(product, name) is not None}
        if "mask" not in arrays:
            raise StoreError(
                f"{what}: state is {product.state}, but there is no mask", cure="give a mask, or say MISSING"
            )
        for name, values in arrays.items():
            shape = CONTOURS if name == "contours" else self._grid.shape
            if values.shape != shape or str(values.dtype) != ARRAYS[name]:
                raise StoreError(
                    f"{what}: {name} is {values.dtype} {values.shape}, not {ARRAYS[name]} {shape}",
                    cure="make all products in the plate grid of the build",
                )
        return arrays

    def _array(self, path: str, shape: tuple[int, ...], dtype: str) -> LayerArray:
        if path not in self._arrays:
            ensure_group(self._store, "")
            self._arrays[path] = LayerArray.open_or_create(self._store, path, shape, dtype)
        return self._arrays[path]

    def _write_planes(self, index: int, planes: Mapping[str, Planes]) -> None:
        if f"{KINDS['parts'].path}/0" not in self._arrays:
            for group, attributes in groups(volume_grid(self._reader, index), self._reader.manifest.name).items():
                ensure_group(self._store, group, attributes)
        for name, levels in planes.items():
            kind = KINDS[name]
            for level, plane in enumerate(levels):
                path = f"{kind.path}/{level}"
                if path not in self._arrays:
                    self._arrays[path] = LayerArray.open_or_create(
                        self._store, path, plane.shape, kind.dtype, fill=kind.fill, names=AXES, separator="/"
                    )
                self._arrays[path].write(index, plane)


def volume_grid(reader: BuildReader, index: int) -> VolumeGrid:
    """Where the volume is, from one committed layer's height.

    Raises:
        NotInStore: the layer is not committed.
    """
    manifest = reader.manifest
    first = reader.height_mm(index) - index * manifest.layer_height_mm
    return VolumeGrid(manifest.grid, manifest.layer_height_mm, first, levels_for(manifest.grid.shape))


def _record(
    product: LayerProduct,
    arrays: dict[str, npt.NDArray[Any]],
    planes: Mapping[str, Planes],
    recipe: Mapping[str, Any],
) -> ProductRecord:
    prompts = product.prompts
    digests = {name: tuple(map(digest_of, levels)) for name, levels in planes.items()}
    return ProductRecord(
        product.index,
        product.state,
        product.reason,
        {name: ArrayRecord.of(values) for name, values in arrays.items()},
        digests["occupancy"],
        None if prompts is None else tuple((float(x), float(y)) for x, y in prompts),
        product.measures,
        dict(product.timings_s),
        dict(product.bundles),
        product.device,
        product.seed,
        datetime.now(UTC).isoformat(timespec="milliseconds"),
        recipe,
        product.parts,
        product.last_part,
        product.intervals,
        {name: levels for name, levels in digests.items() if name != "occupancy"},
        calibration=product.calibration,
        steps=product.steps,
        samples=product.samples,
        widening=product.widening,
        uptime=Uptime.now(),
    )
