"""Where metal is expected in a layer, by whom it is told. Owns the choice; refuses to judge a mask.

laser      the laser-on map of the layer: there is no metal elsewhere
reference  the reference mask of the layer
cad        the slice of the CAD files of the configuration, at the middle of the layer
last       the mask of the last believed layer, at most `RECENT` below; metal beside it may be a part that begins
auto       the first of cad, laser, last that there is
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import structlog

from monitor.config import SegmentSettings, Settings
from monitor.domain import Mask, PlateGrid, ProductState, StoreCorrupt
from monitor.segment import AreaPrior, area_prior
from monitor.store import BuildReader, ProductReader
from monitor.store.cad import read_cad
from monitor.trigger import commanded_area
from monitor.volume import Solid

log = structlog.get_logger("worker")

RECENT = 3
"""Layers below that may tell: after so many that were not believed, a part that ended is not missed for ever."""
MELT_MM = 0.1
"""The laser-on map is of the beam's centre: a melt pool reaches so far beyond it, about half the width of a track."""
EDGE_PX = 0.5
"""So well the edge of metal is known in the picture, in pixels."""
Teller = Callable[[int], AreaPrior | None]


class Priors:
    """The priors of one build's layers.

    Raises:
        StoreError: a CAD file of the configuration cannot be read.
    """

    def __init__(self, settings: Settings, reader: BuildReader) -> None:
        self._settings = settings.segment
        self._reader = reader
        self._grid: PlateGrid = reader.manifest.grid
        self._root, self._set = settings.store.root, settings.worker.product_set
        wanted = settings.segment.prior in ("cad", "auto")
        self._cad = tuple(
            Solid.of(read_cad(one.path, one.at_mm, one.turn_deg)) for one in (settings.segment.cad if wanted else ())
        )
        laser, last = self._laser, self._last
        self._tellers: tuple[Teller, ...] = {
            "none": (), "laser": (laser,), "reference": (self._reference,), "cad": (self._slice,), "last": (last,),
            "auto": (self._slice, laser, last),
        }[settings.segment.prior]  # fmt: skip

    def of(self, index: int) -> AreaPrior | None:
        """What is expected in a layer; None where that is not wanted or not known."""
        for teller in self._tellers:
            try:
                prior = teller(index)
            except StoreCorrupt as error:
                log.warning("area prior left out", layer=index, what=error.what, cure=error.cure)
                continue
            if prior is not None:
                return prior
        return None

    def _laser(self, index: int) -> AreaPrior | None:
        """None where the map is not there, or known in part only."""
        found = self._reader.laser_map(index)
        if found is None or found.unknown_us > 0.0 or not found.exposure_us.any():
            return None
        return laser_prior(commanded_area(found, self._grid, spot_mm=0.0), self._grid, self._settings)

    def _reference(self, index: int) -> AreaPrior | None:
        mask = self._reader.reference(index)
        return None if mask is None else self._told(mask, "the reference mask")

    def _slice(self, index: int) -> AreaPrior | None:
        if not self._cad:
            return None
        middle = self._reader.height_mm(index) - self._reader.manifest.layer_height_mm / 2
        slices = [one.mask(middle, self._grid) for one in self._cad]
        return self._told(np.asarray(np.logical_or.reduce(slices), bool), "the CAD slice")

    def _last(self, index: int) -> AreaPrior | None:
        products = ProductReader.open(self._root, self._reader.manifest.id, self._set)
        for layer in sorted((one for one in products.layers() if index - RECENT <= one < index), reverse=True):
            if products.record(layer).state is ProductState.OK:
                return self._told(products.array(layer, "mask"), f"the mask of layer {layer}", bounds=False)
        return None

    def _told(self, mask: Mask, by: str, *, bounds: bool = True) -> AreaPrior:
        return area_prior(mask, self._grid, self._settings, bounds=bounds, told_by=by)


def laser_prior(commanded: Mask, grid: PlateGrid, settings: SegmentSettings) -> AreaPrior:
    """The prior of where the beam's centre was sent, bool (rows, columns): metal may be a melt pool wider."""
    told = area_prior(commanded, grid, settings)
    return replace(told, melt_px=MELT_MM / grid.mm_per_px + EDGE_PX)
