"""Reading products and the part volume, while they grow or afterwards. Goes by records; refuses to write anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.domain import LayerProduct, NotInStore, PlateGrid, ProductState
from monitor.store.layout import commits_in, product_folder, record_file, recorded
from monitor.store.omezarr import VolumeGrid
from monitor.store.planes import KINDS
from monitor.store.products import ARRAYS, volume_grid
from monitor.store.reader import BuildReader
from monitor.store.records import ProductRecord, check_index, read_record
from monitor.store.stored import StoredArrays

_CURE = "process this build again into another product set"


class ProductReader:
    """One product set of a build. A set that was never written has no layers."""

    def __init__(self, reader: BuildReader, folder: Path, product_set: str) -> None:
        self.product_set = product_set
        self._reader = reader
        self._folder = folder
        self._arrays = StoredArrays(folder)

    @classmethod
    def open(cls, root: Path, build: str, product_set: str = "live") -> ProductReader:
        """Open a product set of a build.

        Raises:
            NotInStore: there is no such build.
            StoreVersion, StoreCorrupt: as in `BuildReader.open`.
        """
        return cls(BuildReader.open(root, build), product_folder(root / build, product_set), product_set)

    @property
    def grid(self) -> PlateGrid:
        """The plate grid of every array."""
        return self._reader.manifest.grid

    def layers(self) -> tuple[int, ...]:
        """Indices of the layers whose products are committed, ascending, listed afresh."""
        return recorded(commits_in(self._folder))

    def states(self) -> dict[int, ProductState]:
        """State of every committed layer, by index."""
        return {index: self.record(index).state for index in self.layers()}

    def record(self, index: int) -> ProductRecord:
        """The commit record of one layer's products.

        Raises:
            NotInStore: the products are not committed.
            StoreCorrupt: the record is damaged.
        """
        path = record_file(commits_in(self._folder), index)
        if not path.is_file():
            raise NotInStore(f"{self._what(index)} are not committed", cure="wait for the worker, or see its status")
        return check_index(read_record(ProductRecord, path), index, path)

    def array(self, index: int, name: str, *, verify: bool = True) -> npt.NDArray[Any]:
        """One array of a layer's products: (rows, columns) in the plate grid, uint8, or bool for the mask.

        Args:
            index: the layer.
            name: "rectified", "upscaled", "spread", "inconsistency", "mask", "probability", "part_id" (uint16), or
                "contours" (uint16, a row for each part of the record).
            verify: check the array against its digest.

        Raises:
            NotInStore: the products are not committed or have no such array.
            StoreCorrupt: the array is not the one that was committed.
        """
        record = self.record(index)
        if name not in record.arrays:
            known = ", ".join(record.arrays) or "none"
            raise NotInStore(f"{self._what(index)} ({record.state}) have no '{name}'", cure=f"arrays there: {known}")
        return self._read(name, index, record.arrays[name].digest if verify else None)

    def load(self, index: int) -> LayerProduct:
        """All products of one layer; errors as in `array`."""
        record = self.record(index)
        prompts = record.prompts
        arrays: dict[str, Any] = {name: self.array(index, name) for name in ARRAYS if name in record.arrays}
        return LayerProduct(
            index,
            record.state,
            reason=record.reason,
            prompts=None if prompts is None else np.array(prompts, dtype=np.float32).reshape(-1, 2),
            measures=record.measures,
            timings_s=record.timings_s,
            bundles=record.bundles,
            device=record.device,
            seed=record.seed,
            steps=record.steps,
            samples=record.samples,
            widening=record.widening,
            parts=record.parts,
            last_part=record.last_part,
            intervals=record.intervals,
            **arrays,
        )

    def plane(self, index: int, level: int = 0, *, image: str = "occupancy", verify: bool = True) -> npt.NDArray[Any]:
        """One plane of the part volume (rows, columns).

        Args:
            index: the layer.
            level: 0 is the finest.
            image: "occupancy" (uint8, 0 powder, 255 metal, 127 missing), "probability" (uint8, likewise with grey
                edges) or "parts" (uint16, ids, 0 powder, 65535 missing).
            verify: check the plane against its digest.

        Raises:
            NotInStore: the products are not committed, or there is no such image or level.
            StoreCorrupt: the plane is not the one that was committed.
        """
        record = self.record(index)
        digests = record.plane if image == "occupancy" else record.planes.get(image, ())
        if not 0 <= level < len(digests):
            what = f"the volume of {self._what(index)} has no level {level} of '{image}'"
            raise NotInStore(what, cure=f"ask for 0 to {len(digests) - 1}" if digests else "process this build again")
        return self._read(f"{KINDS[image].path}/{level}", index, digests[level] if verify else None)

    @property
    def volume(self) -> VolumeGrid | None:
        """Where the part volume is; None before its first layer."""
        layers = self.layers()
        return volume_grid(self._reader, layers[0]) if layers else None

    def slab(self, z0: int, z1: int, level: int = 0, *, image: str = "occupancy") -> npt.NDArray[Any]:
        """Planes z0 … z1−1 of one level: (z1 − z0, rows, columns); what is not committed is unknown (127, or 65535).

        Images as in `plane`.

        Raises:
            NotInStore: no products are committed yet, or there is no such level.
        """
        volume = self.volume
        if volume is None or not 0 <= level < volume.levels:
            raise NotInStore(
                f"level {level} of the volume is not there", cure="wait for the first product, or ask for level 0"
            )
        kind = KINDS[image]
        slab = np.full((z1 - z0, *volume.shape(level)), kind.fill, kind.dtype)
        committed = [index for index in self.layers() if z0 <= index < z1]
        for index in committed:
            if image == "occupancy" or image in self.record(index).planes:
                slab[index - z0] = self._read(f"{kind.path}/{level}", index)
        return slab

    def _read(self, path: str, index: int, digest: str | None = None) -> npt.NDArray[Any]:
        return self._arrays.read(path, index, digest, f"{path} of {self._what(index)}", _CURE)

    def _what(self, index: int) -> str:
        return f"products '{self.product_set}' of layer {index} of build {self._reader.manifest.id}"
