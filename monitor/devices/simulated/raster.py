"""The fine raster and its anchored noise. Owns where fine pixels lie on the plate and what random field lies on them.

Everything random that is drawn on the plate is looked up in periodic tiles by absolute pixel number, so a part of the
plate looks the same whether it is rendered alone or with the rest. Refuses to know what the noise stands for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

from monitor.domain import FloatImage, PlateGrid


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of the fine raster; pixel (i, j) of the raster has its centre at (j·pitch, i·pitch) mm.

    Attributes:
        row: absolute number of the first row.
        col: absolute number of the first column.
        shape: (rows, columns).
        pitch_mm: edge length of a fine pixel, in mm.
    """

    row: int
    col: int
    shape: tuple[int, int]
    pitch_mm: float

    @classmethod
    def around(cls, grid: PlateGrid, pitch_mm: float, margin_mm: float = 1.0) -> Window:
        """The smallest window that covers a plate grid and a margin."""
        half = grid.mm_per_px / 2 + margin_mm
        x0, y0 = grid.origin_mm[0] - half, grid.origin_mm[1] - half
        width, height = grid.size_mm
        col, row = math.floor(x0 / pitch_mm), math.floor(y0 / pitch_mm)
        cols = math.ceil((x0 + width + 2 * margin_mm) / pitch_mm) - col + 1
        rows = math.ceil((y0 + height + 2 * margin_mm) / pitch_mm) - row + 1
        return cls(row, col, (rows, cols), pitch_mm)

    @property
    def origin_mm(self) -> tuple[float, float]:
        """Plate coordinates (x, y) of the first pixel's centre."""
        return self.col * self.pitch_mm, self.row * self.pitch_mm

    def x_mm(self) -> FloatImage:
        """X of each column, float32 (columns,)."""
        return ((self.col + np.arange(self.shape[1])) * self.pitch_mm).astype(np.float32)

    def y_mm(self) -> FloatImage:
        """Y of each row, float32 (rows,)."""
        return ((self.row + np.arange(self.shape[0])) * self.pitch_mm).astype(np.float32)

    def to_mm(self) -> npt.NDArray[np.float64]:
        """Homography (3, 3) from window pixels (column, row, 1) to plate mm."""
        x, y = self.origin_mm
        return np.array([[self.pitch_mm, 0.0, x], [0.0, self.pitch_mm, y], [0.0, 0.0, 1.0]])

    def crop(self, low_mm: tuple[float, float], high_mm: tuple[float, float]) -> tuple[slice, slice]:
        """Rows and columns of this window between two plate corners; empty slices when outside."""
        rows = self._span(self.row, self.shape[0], low_mm[1], high_mm[1])
        cols = self._span(self.col, self.shape[1], low_mm[0], high_mm[0])
        return rows, cols

    def _span(self, first: int, count: int, low: float, high: float) -> slice:
        start = min(max(math.floor(low / self.pitch_mm) - first, 0), count)
        return slice(start, max(start, min(math.ceil(high / self.pitch_mm) - first + 1, count)))

    def cut(self, rows: slice, cols: slice) -> Window:
        """The sub-window of these slices."""
        return Window(
            self.row + rows.start,
            self.col + cols.start,
            (rows.stop - rows.start, cols.stop - cols.start),
            self.pitch_mm,
        )

    def blocks(self, edge: int = 320) -> Iterator[tuple[slice, slice]]:
        """Cut the window into blocks of at most `edge` pixels, so that empty ones can be left out."""
        for top in range(0, self.shape[0], edge):
            for left in range(0, self.shape[1], edge):
                bottom, right = min(top + edge, self.shape[0]), min(left + edge, self.shape[1])
                yield slice(top, bottom), slice(left, right)


def rng_for(*key: int) -> np.random.Generator:
    """A generator for one purpose: the key is (seed, layer, purpose, …), all non-negative."""
    return np.random.default_rng([k & 0xFFFFFFFF for k in key])


@lru_cache(maxsize=48)
def grain_tile(knee_per_mm: float, slope: float, pitch_um: int, size: int, seed: int) -> FloatImage:
    """Periodic Gaussian noise of unit variance with power ∝ (1 + (f/knee)²)^−slope, float32 (size, size).

    The form was fitted to the radial spectra of powder and melt in real layer photographs at 47 µm per pixel.
    """
    pitch = pitch_um / 1000.0
    f = np.hypot(fft.fftfreq(size, pitch)[:, None], fft.rfftfreq(size, pitch)[None, :])
    return _shaped(((1.0 + (f / knee_per_mm) ** 2) ** (-slope / 2)).astype(np.float32), size, seed)


@lru_cache(maxsize=16)
def track_tile(period_mm: float, pitch_um: int, size: int, seed: int) -> FloatImage:
    """Periodic noise of unit variance drawn out along x, with a preferred period across; float32 (size, size)."""
    pitch = pitch_um / 1000.0
    fy, fx = np.abs(fft.fftfreq(size, pitch))[:, None], fft.rfftfreq(size, pitch)[None, :]
    peak = np.exp(-(((fy - 1 / period_mm) * period_mm / 0.35) ** 2)) + 0.5 * np.exp(-((fy * period_mm / 0.6) ** 2))
    return _shaped((peak * np.exp(-((fx * 1.2) ** 2)) + 0 * fy).astype(np.float32), size, seed)


def _shaped(amplitude: FloatImage, size: int, seed: int) -> FloatImage:
    amplitude[0, 0] = 0.0
    white = rng_for(seed, size, 71).standard_normal((size, size), dtype=np.float32)
    field = fft.irfft2(fft.rfft2(white) * amplitude, s=(size, size))
    return np.asarray(field / field.std(), dtype=np.float32)


@lru_cache(maxsize=16)
def relief_tile(knee_per_mm: float, slope: float, pitch_um: int, size: int, seed: int) -> FloatImage:
    """Grain of a rough surface under slanting light (the slope of a height field along y); unit variance."""
    height = grain_tile(knee_per_mm, slope, pitch_um, size, seed)
    step = max(1, round(80 / pitch_um))
    slope_y = height - np.roll(height, step, axis=0) + np.float32(0.35) * (height - np.roll(height, step, axis=1))
    return np.asarray(slope_y / slope_y.std(), np.float32)


@lru_cache(maxsize=16)
def sparkle_tile(per_mm2: float, spread: float, pitch_um: int, size: int, seed: int) -> FloatImage:
    """Periodic field of specular facets: ragged blobs of 60–300 µm, median peak about 1, log-normal spread."""
    rng = rng_for(seed, size, 72)
    count = int(per_mm2 * (size * pitch_um / 1000.0) ** 2)
    points = np.zeros((size, size), np.float32)
    rows, cols = rng.integers(0, size, (2, count))
    power = rng.lognormal(0.0, spread, count).astype(np.float32)
    np.add.at(points, (rows, cols), power)
    for _ in range(2):  # bright facets have neighbours: the blob grows with its power
        near = rng.normal(0.0, 70.0 / pitch_um, (2, count))
        keep = power > rng.uniform(0.6, 3.0, count)
        at = ((rows + near[0]).astype(int)[keep] % size, (cols + near[1]).astype(int)[keep] % size)
        np.add.at(points, at, power[keep] * np.float32(0.8))
    sigma = 42.0 / pitch_um
    core = cv2.GaussianBlur(_wrapped(points), (0, 0), sigma)[8:-8, 8:-8]
    return np.asarray(core * (2 * math.pi * sigma**2), dtype=np.float32)


@lru_cache(maxsize=16)
def speck_tile(per_mm2: float, pitch_um: int, size: int, seed: int) -> FloatImage:
    """Periodic field of spatter in [0, 1]: ragged flecks of 100–600 µm and a few round particles; float32."""
    rng = rng_for(seed, size, 73)
    flecks = grain_tile(1.0, 1.6, pitch_um, size, 100 + seed)
    share = min(0.25, per_mm2 * 0.03)
    out = np.clip((flecks - np.float32(np.quantile(flecks, 1 - share))) * np.float32(1.4), 0, 1)
    out = np.pad(out, 8, mode="wrap")
    count = int(0.1 * per_mm2 * (size * pitch_um / 1000.0) ** 2)
    radius_px = np.minimum(rng.lognormal(math.log(70.0), 0.5, count), 220.0) / pitch_um
    for (x, y), r in zip(rng.uniform(8, size + 8, (count, 2)), radius_px, strict=True):
        cv2.circle(
            out, (round(x * 16), round(y * 16)), max(8, round(r * 16)), float(rng.uniform(0.5, 1.0)), -1, cv2.LINE_AA, 4
        )
    return np.asarray(cv2.GaussianBlur(out[8:-8, 8:-8], (0, 0), 0.6), np.float32)


def _wrapped(tile: FloatImage) -> FloatImage:
    return np.pad(tile, 8, mode="wrap")


def lay(tile: FloatImage, window: Window, rng: np.random.Generator, *, mirror: bool = True) -> FloatImage:
    """Cover a window with a tile, shifted (and mirrored) at random; float32 of the window's shape."""
    size = tile.shape[0]
    shift = rng.integers(0, size, 2)
    row, col = int(shift[0]) + window.row, int(shift[1]) + window.col
    flip = rng.integers(0, 2, 2) if mirror else (0, 0)
    source = tile[:: -1 if flip[0] else 1, :: -1 if flip[1] else 1]
    out = np.empty(window.shape, np.float32)
    for to_rows, from_rows in _wraps(row % size, window.shape[0], size):
        for to_cols, from_cols in _wraps(col % size, window.shape[1], size):
            out[to_rows, to_cols] = source[from_rows, from_cols]
    return out


def _wraps(first: int, count: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Pieces (in the window, in the tile) that cover `count` pixels from `first` on, round and round."""
    done = 0
    while done < count:
        start = (first + done) % size
        piece = min(size - start, count - done)
        yield slice(done, done + piece), slice(start, start + piece)
        done += piece


def lay_turned(tile: FloatImage, window: Window, angle_deg: float, rng: np.random.Generator) -> FloatImage:
    """Cover a window with a tile whose x axis is turned by `angle_deg`; float32 of the window's shape."""
    a = math.radians(angle_deg)
    turn = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
    offset = turn @ np.array([window.col, window.row], float) + rng.uniform(0, tile.shape[0], 2)
    matrix = np.column_stack([turn, np.mod(offset, tile.shape[0])])
    size = (window.shape[1], window.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(tile, matrix, size, flags=flags, borderMode=cv2.BORDER_WRAP), np.float32)


def two_grains(knee: float, slope: float, window: Window, rng: np.random.Generator) -> FloatImage:
    """Unit-variance grain from two tiles of different period, so that it does not repeat on a plate."""
    pitch_um = round(window.pitch_mm * 1000)
    a = lay(grain_tile(knee, slope, pitch_um, 1024, int(rng.integers(3))), window, rng)
    a += lay(grain_tile(knee, slope, pitch_um, 896, 3 + int(rng.integers(3))), window, rng)
    a *= math.sqrt(0.5)
    return a
