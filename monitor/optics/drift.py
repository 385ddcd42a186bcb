"""How a camera's picture has moved and how its light has changed since the build's start. Refuses to correct anything.

Every layer shows other powder and other melt; what stays is what lies around: the plate's rim, the floor, walls, and
outlines of parts, which change slowly. So pictures are band-passed and evened out: neither light nor contrast counts.
The shift at which most of them agree is found on coarse pictures by cross-correlation: what is new in a layer agrees
nowhere. Coarse to fine, a similarity (shift, rotation, scale) is then refined by Gauss-Newton steps (Lucas & Kanade
1981) over blocks: only those that look the same in both pictures count, and robustly, so that a part that grows or
leans does not pull. Feature matches were not taken: powder makes thousands of corners that are never seen again, and a
rim makes none; nor one map of all pixels (ECC), which growing parts did pull.

Light is compared where nothing needs to be the same but the mean of a block: gain, gradient and offset by robust least
squares over the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Calibration, FloatImage, Image, PlateGrid
from monitor.optics.rectify import CameraImage

Matrix = npt.NDArray[np.float64]
Map = npt.NDArray[np.float64]
"""Float64 (2, 3): from a place then to the place now."""

_LONG_PX = 960
_LEVELS = (4, 2, 1)
"""Coarse to fine: how many pixels of the small picture are one; levels with too few blocks a side are skipped."""
_FINE, _COARSE, _EVEN = 1.0, 5.0, 10.0
"""Widths of the band-pass and of what evens it out, in pixels of each level."""
_BLOCK = 16
_ALIKE = 0.5
"""Correlation from which a block counts as the same in both pictures; new powder has 0 ± 0.1."""
_LEAST_BLOCKS, _LEAST_SHARE = 10, 0.04
"""So many blocks, and such a share of all, must look the same: a false map makes 2 % agree by chance."""
_ROUNDS = 8
_HUBER = 1.345
_DARK, _FULL = 3.0, 250.0
_LEAST_GAIN = 0.05


@dataclass(frozen=True, slots=True)
class Anchor:
    """A picture that others are compared with.

    Attributes:
        shape: (rows, columns) of the camera's picture.
        grey: float32, the small picture.
        levels: how coarse, and float32, band-passed and evened out; coarse to fine.
    """

    shape: tuple[int, int]
    grey: FloatImage
    levels: tuple[tuple[int, FloatImage], ...]

    def brighter(self, now: Anchor) -> float:
        """Relative change of the usual grey level, wherever things are: what can be said where nothing looks the same.

        0.5 for half as bright again, −0.5 for half as bright.
        """
        before, after = (max(float(np.median(one.grey)), 1.0) for one in (self, now))
        return after / before - 1

    @classmethod
    def of(cls, image: CameraImage, bits: int = 8) -> Anchor:
        """Make a camera's picture small and even: uint8 or uint16, (rows, columns) or (rows, columns, 3) RGB."""
        shape = (image.shape[0], image.shape[1])
        size = tuple(max(1, round(n / max(1.0, max(shape) / _LONG_PX))) for n in shape[::-1])
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        if small.ndim == 3:
            small = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
        grey = np.asarray(small * np.float32(255.0 / (2**bits - 1)), np.float32)
        factors = [factor for factor in _LEVELS if factor == 1 or min(grey.shape) >= 6 * _BLOCK * factor]
        return cls(shape, grey, tuple((factor, _even(grey, factor)) for factor in factors))


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed between two pictures of one camera.

    Attributes:
        matrix: homography (3, 3) from a place in the picture then to the same place now, in the camera's pixels.
        shift_px: (column, row) by which the picture's middle has moved.
        turn_mrad: rotation, clockwise in the picture, in mrad.
        scale: growth, 1 for none.
        gain: factor on grey levels in the middle.
        gradient: (column, row) by how much that factor grows from one edge of the picture to the other.
        offset: grey levels (of 255) added.
        brightness: what both do to the usual grey level in the middle, 1 for nothing.
        share: share of the picture that looks the same.
    """

    matrix: Matrix
    shift_px: tuple[float, float]
    turn_mrad: float
    scale: float
    gain: float
    gradient: tuple[float, float]
    offset: float
    brightness: float
    share: float

    def moved_px(self, places_px: npt.NDArray[np.float64]) -> float:
        """How far any of some places (N, 2) (column, row) of the picture has moved at most, in pixels."""
        taken = places_px @ self.matrix[:2, :2].T + self.matrix[:2, 2]
        return float(np.linalg.norm(taken - places_px, axis=1).max())

    @property
    def light(self) -> float:
        """The greatest relative change of brightness in the middle and in the corners."""
        corners = (sum(abs(slope) for slope in self.gradient)) / 2
        return max(abs(self.brightness + sign * corners - 1) for sign in (-1, 0, 1))


def measure_drift(then: Anchor, now: Anchor) -> Drift | None:
    """Compare two pictures of one camera.

    Args:
        then: at the build's start.
        now: of a later layer.

    Returns:
        None where too little looks the same to tell: another view, a covered lens, nothing but powder.

    Raises:
        ValueError: pictures of two sizes.
    """
    if then.shape != now.shape:
        raise ValueError(f"pictures of one size are compared, not {then.shape} with {now.shape}")
    coarsest, first = then.levels[0]
    found, share = _scaled(_agreeing(first, now.levels[0][1]), coarsest), 0.0
    for (factor, one), (_, other) in zip(then.levels, now.levels, strict=True):
        told = _refined(one, other, _scaled(found, 1 / factor))
        if told is None:
            return None
        found, share = _scaled(told[0], factor), told[1]
    return _told(then, now, found, share)


def _even(grey: FloatImage, factor: int) -> FloatImage:
    """Band-passed, in units of its own strength near by; a specular point counts no more than other detail."""
    size = tuple(max(8, round(n / factor)) for n in grey.shape[::-1])
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA) if factor > 1 else grey
    fine, coarse = (cv2.GaussianBlur(small, (0, 0), s, borderType=cv2.BORDER_REFLECT) for s in (_FINE, _COARSE))
    band = fine - coarse
    power = cv2.GaussianBlur(band * band, (0, 0), _EVEN, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.clip(band / (np.sqrt(power) + 0.5), -2.5, 2.5), np.float32)


def _agreeing(then: FloatImage, now: FloatImage) -> Map:
    """The shift at which most of two coarse pictures agrees, by cross-correlation."""
    rows, columns = then.shape
    window = cv2.createHanningWindow((columns, rows), cv2.CV_32F)
    agree = np.fft.irfft2(np.conj(np.fft.rfft2(then * window)) * np.fft.rfft2(now * window), then.shape)
    down, right = np.unravel_index(int(agree.argmax()), agree.shape)
    y, x = (int(at) - size if at > size // 2 else int(at) for at, size in ((down, rows), (right, columns)))
    return np.array([[1.0, 0, x], [0, 1, y]])


def _scaled(found: Map, factor: float) -> Map:
    """The same map in pixels that are so many times finer; its centre stays the picture's first corner."""
    half = (factor - 1) / 2
    shift = factor * found[:, 2] + half - found[:, :2] @ np.array([half, half])
    return np.column_stack([found[:, :2], shift])


def _refined(then: FloatImage, now: FloatImage, found: Map) -> tuple[Map, float] | None:
    """Refine a similarity, and say which share of the blocks agrees with it; None where too few do."""
    right, down = (cv2.Sobel(then, cv2.CV_32F, *order, ksize=3) / np.float32(8) for order in ((1, 0), (0, 1)))
    strength = [_blocks(product) for product in (right * right, right * down, down * down)]
    share = 0.0
    for _ in range(_ROUNDS):
        seen = _warped(now, found)
        alike = _alike(then, seen)
        share = float(alike.mean())
        if np.count_nonzero(alike) < _LEAST_BLOCKS or share < _LEAST_SHARE:
            return None
        off = seen - then
        wanted = np.stack([_blocks(np.asarray(slope * off, np.float32)) for slope in (right, down)], axis=-1)
        step = _step([each[alike].astype(np.float64) for each in strength], wanted[alike].astype(np.float64), alike)
        found = _after(found, step)
        if np.abs(step[:2]).max() < 1e-3:
            break
    return found, share


def _step(
    strength: list[npt.NDArray[np.float64]], wanted: npt.NDArray[np.float64], alike: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Shift, growth and rotation (4,) of the Gauss-Newton step: blocks that do not agree with the others count less."""
    rows, columns = np.nonzero(alike)
    x, y = (columns + 0.5) * _BLOCK - 0.5, (rows + 0.5) * _BLOCK - 0.5
    zero, one = np.zeros(len(x)), np.ones(len(x))
    moves = np.stack([np.stack([one, zero, x, -y], -1), np.stack([zero, one, y, x], -1)], axis=1)  # (N, 2, 4)
    inner = np.stack([np.stack([strength[0], strength[1]], -1), np.stack([strength[1], strength[2]], -1)], axis=1)
    weight, found = one, np.zeros(4)
    for _ in range(6):
        left = np.einsum("n,nij,nik,nkl->jl", weight, moves, inner, moves)
        right = np.einsum("n,nij,ni->j", weight, moves, -wanted)
        found = np.linalg.lstsq(left, right, rcond=1e-12)[0]
        rest = np.linalg.norm(-wanted - np.einsum("nik,nkl,l->ni", inner, moves, found), axis=1)
        limit = _HUBER * 1.4826 * max(float(np.median(rest)), 1e-9)
        weight = np.minimum(1.0, (limit / np.maximum(rest, 1e-12)) ** 2)
    return np.asarray(found, np.float64)


def _after(found: Map, step: npt.NDArray[np.float64]) -> Map:
    """The map with a small similarity before it."""
    right, down, growth, turn = step
    small = np.array([[1 + growth, -turn, right], [turn, 1 + growth, down], [0, 0, 1.0]])
    return np.asarray(np.vstack([found, [0, 0, 1]]) @ small, np.float64)[:2]


def _warped(now: FloatImage, found: Map) -> FloatImage:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(now, found, now.shape[::-1], flags=flags, borderValue=0), np.float32)


def _blocks(image: FloatImage) -> FloatImage:
    """Means over blocks."""
    rows, columns = (max(1, size // _BLOCK) for size in image.shape)
    whole = image[: rows * _BLOCK, : columns * _BLOCK]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _alike(then: FloatImage, now: FloatImage) -> npt.NDArray[np.bool_]:
    """Which blocks look the same, bool (rows, columns) of blocks."""
    both, one, other = (_blocks(np.asarray(product, np.float32)) for product in (then * now, then * then, now * now))
    return np.asarray(both > _ALIKE * np.sqrt(one * other) + 1e-6, np.bool_)


def _told(then: Anchor, now: Anchor, found: Map, share: float) -> Drift:
    rows, columns = then.shape
    factor = (columns / then.grey.shape[1], rows / then.grey.shape[0])
    to_full = np.array([[factor[0], 0, (factor[0] - 1) / 2], [0, factor[1], (factor[1] - 1) / 2], [0, 0, 1.0]])
    matrix = to_full @ np.vstack([found, [0, 0, 1]]) @ np.linalg.inv(to_full)
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
    x, y = (float(value) for value in matrix[:2, :2] @ middle + matrix[:2, 2] - middle)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    turn = 1000 * float(np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))
    return Drift(matrix, (x, y), turn, scale, *_light(then.grey, _warped(now.grey, found)), share)


def relit(image: Image, drift: Drift, calibration: Calibration, grid: PlateGrid) -> Image:
    """A rectified image in the light of then: uint8 (rows, columns) of the grid."""
    rows, columns = grid.shape
    ends = np.array([[0, 0], [columns - 1, 0], [0, rows - 1]], np.float64) * grid.mm_per_px + grid.origin_mm
    places = calibration.to_image(ends) / (np.array(calibration.image_shape[::-1]) - 1) - 0.5
    lit = drift.gain * (1 + places @ np.array(drift.gradient))
    across, down = np.linspace(0, lit[1] - lit[0], columns), np.linspace(0, lit[2] - lit[0], rows)
    gain = np.maximum(lit[0] + across[None, :] + down[:, None], _LEAST_GAIN).astype(np.float32)
    even = (image.astype(np.float32) - np.float32(drift.offset)) / gain
    return np.asarray(np.where(image == 0, 0, np.clip(np.rint(even), 0, 255)), np.uint8)  # 0 is not seen at all


def _light(then: FloatImage, now: FloatImage) -> tuple[float, tuple[float, float], float, float]:
    """Gain, its relative gradient and offset of now = then · gain · (1 + gradient · place) + offset; brightness."""
    before, after = _blocks(then), _blocks(now)
    y, x = (np.linspace(-0.5, 0.5, size) for size in before.shape)
    across, down = np.meshgrid(x, y)
    use = (before > _DARK) & (before < _FULL) & (after > _DARK) & (after < _FULL)
    levels, wanted = before[use].astype(np.float64), after[use].astype(np.float64)
    if levels.size < _LEAST_BLOCKS:
        return 1.0, (0.0, 0.0), 0.0, 1.0
    terms = np.column_stack([levels, levels * across[use], levels * down[use], np.ones(levels.size)])
    weight, found = np.ones(levels.size), np.zeros(4)
    for _ in range(8):
        root = np.sqrt(weight)
        found = np.linalg.lstsq(terms * root[:, None], wanted * root, rcond=1e-6)[0]
        off = np.abs(wanted - terms @ found)
        weight = np.minimum(1.0, _HUBER * 1.4826 * max(float(np.median(off)), 0.05) / np.maximum(off, 1e-9))
    gain, right, bottom, offset = (float(value) for value in found)
    gain = max(gain, _LEAST_GAIN)
    return gain, (right / gain, bottom / gain), offset, gain + offset / float(np.median(levels))
