"""Where the laser was commanded on: from gate and mirror voltages to laser-on time per pixel of the plate. Pure.

Owns the way from codes to plate coordinates. Refuses to know what melted: mirrors lag behind their voltage where it is
a command, and the laser's delays are not known here.

The laser's state at a sample holds until the next one. Meanwhile the spot moves straight from one place to the next, so
the time of a fast vector is spread over all pixels that it crosses, in steps of half a pixel.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import DetectorSettings
from monitor.domain import Codes, LaserMap, Mask, PlateGrid, Signal, SignalFacts
from monitor.trigger.edges import find_edges

STEP_PX = 0.5
LONGEST = 4096
"""Steps between two samples at most."""


class LaserMapper:
    """Adds up a layer's laser-on map, block by block. The result does not depend on the blocks.

    Args:
        facts: the channels of the signal; gate first, mirrors scaled to mm.
        grid: the plate grid.
        detector: at which volts the laser is on.
        rate_hz: samples per second.

    Raises:
        ValueError: a mirror is missing or has no scale in mm.
    """

    def __init__(self, facts: SignalFacts, grid: PlateGrid, detector: DetectorSettings, rate_hz: float) -> None:
        mirrors = facts.mirrors()
        if mirrors is None:
            raise ValueError("a laser-on map needs mirrors x and y that are scaled to mm")
        self._gate = facts.channels[0]
        self._rows = mirrors
        self._mirrors = tuple(facts.channels[row] for row in mirrors)
        self._to_px = _to_pixels(facts, grid)
        self._grid = grid
        self._detector = detector
        self._us = 1e6 / rate_hz
        self._exposure = np.zeros(grid.shape)
        self._outside_us = self._unknown_us = 0.0
        self._high = False
        self._place = np.zeros((2, 0))  # of the last sample, until the next one tells where it went
        self._on = np.zeros(0, np.bool_)
        self._known = np.zeros(0, np.bool_)

    def add(self, codes: Codes, bad: npt.NDArray[np.bool_] | None = None, shift_v: float = 0.0) -> None:
        """Add the next samples.

        Args:
            codes: int16 (channels, samples).
            bad: bool (channels, samples), where a code does not tell the voltage; None for nowhere.
            shift_v: by so much the detector's thresholds are moved, in V.
        """
        on = self._lit(codes[0], shift_v)
        if not on.any() and not self._on.any():
            self._place, self._on, self._known = np.zeros((2, 0)), on[:0], on[:0]
            return
        xy = np.stack([m.quantity(codes[row]) for m, row in zip(self._mirrors, self._rows, strict=True)])
        place = np.concatenate([self._place, self._to_px[:, :2] @ xy + self._to_px[:, 2:]], axis=1)
        on = np.concatenate([self._on, on])
        good = np.ones(codes.shape[1], np.bool_) if bad is None else ~bad[list(self._rows)].any(axis=0)
        known = np.concatenate([self._known, good])
        self._travel(place[:, :-1], place[:, 1:], on[:-1], known[:-1] & known[1:])
        self._place, self._on, self._known = place[:, -1:], on[-1:], known[-1:]

    def finish(self) -> LaserMap:
        """The map of everything added; at the last sample the spot stands still."""
        self._travel(self._place, self._place, self._on, self._known)
        return LaserMap(self._exposure.astype(np.float32), self._outside_us, self._unknown_us)

    def _lit(self, codes: Codes, shift_v: float) -> npt.NDArray[np.bool_]:
        """Whether the laser is on, per sample."""
        before = self._high
        on_volts, off_volts = self._detector.on_volts + shift_v, self._detector.off_volts + shift_v
        edges, self._high = find_edges(self._gate.volts(codes), on_volts, off_volts, before)
        changes = np.zeros(codes.size, np.int64)
        changes[edges] = 1
        return np.asarray((np.cumsum(changes) + before) % 2 == 1)

    def _travel(
        self,
        start: npt.NDArray[np.float64],
        end: npt.NDArray[np.float64],
        on: npt.NDArray[np.bool_],
        known: npt.NDArray[np.bool_],
    ) -> None:
        """Spread one sample's time over each way from `start` to `end`, (2, ways) in pixels, where the laser is on."""
        self._unknown_us += self._us * np.count_nonzero(on & ~known)
        start, way = start[:, on & known], (end - start)[:, on & known]
        steps = np.clip(np.ceil(np.hypot(*way) / STEP_PX), 1, LONGEST).astype(np.int64)
        fraction = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)
        fraction = (fraction + 0.5) / np.repeat(steps, steps)
        columns, rows = np.rint(np.repeat(start, steps, axis=1) + np.repeat(way, steps, axis=1) * fraction)
        time_us = np.repeat(self._us / steps, steps)
        inside = (rows >= 0) & (rows < self._grid.shape[0]) & (columns >= 0) & (columns < self._grid.shape[1])
        self._outside_us += float(time_us[~inside].sum())
        places = (rows[inside].astype(np.int64), columns[inside].astype(np.int64))
        np.add.at(self._exposure, places, time_us[inside])


def laser_map(pieces: Iterable[Signal], grid: PlateGrid, detector: DetectorSettings) -> LaserMap | None:
    """The laser-on map of a recorded signal, given whole or in consecutive pieces.

    A decimated signal keeps the gate's maximum, so its map holds somewhat more time than one of all samples.

    Returns:
        The map; None for no pieces and where the mirrors are missing or not scaled to mm.
    """
    mapper: LaserMapper | None = None
    for piece in pieces:
        facts = SignalFacts(piece.channels, piece.to_plate)
        if facts.mirrors() is None:
            return None
        mapper = mapper or LaserMapper(facts, grid, detector, piece.rate_hz)
        mapper.add(piece.codes)
    return mapper.finish() if mapper else None


def commanded_area(exposed: LaserMap, grid: PlateGrid, spot_mm: float, least_us: float = 0.0) -> Mask:
    """Where the laser can have melted, as commanded: a prior of a layer's area, not a measurement of it.

    Args:
        exposed: the layer's laser-on map.
        grid: the plate grid of the map.
        spot_mm: width of what one pass melts, with the tolerance that is wanted, in mm: every pixel counts whose centre
            is within half of it from the centre of a pixel with laser-on time.
        least_us: pixels with no more laser-on time than this do not count, in µs; above one sample, single spikes of
            the gate fall away.

    Returns:
        bool (rows, columns).
    """
    lit = exposed.exposure_us > least_us
    if not lit.any():
        return lit
    distance = cv2.distanceTransform(np.where(lit, 0, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= spot_mm / 2 / grid.mm_per_px)


def _to_pixels(facts: SignalFacts, grid: PlateGrid) -> npt.NDArray[np.float64]:
    """(2, 3) from the mirrors' (x, y, 1) in mm to (column, row) of the grid."""
    to_plate = np.array(facts.to_plate).reshape(2, 3)
    to_plate[:, 2] -= grid.origin_mm
    return to_plate / grid.mm_per_px
