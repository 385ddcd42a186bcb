"""From places on the plate seen in an image to a calibration, with its uncertainty. Refuses to know what was seen.

Two kinds of sights are fitted: marks (a place in mm and where it is seen in pixels) and edges (a place on a known curve
and how far beside it, along the curve's normal, the image has its edge). Unknown are a homography and, where asked for,
two coefficients of radial distortion about the image's middle. Robust least squares (Huber 1964, by
`scipy.optimize.least_squares`); the covariance is the sandwich of White (1980) with residuals of one cluster taken
together, since neighbours on one edge err alike, and with what the caller says is systematic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import chi2

from monitor.domain import Calibration, CalibrationError, Goodness, Lens, PlateGrid

Points = npt.NDArray[np.float64]

_HUBER = 1.345
_CONFIDENCE, _NORMAL_90 = 0.90, 1.6449
_LATTICE = 7
_LEAST_LENS_SIGHTS = 12
"""Fewer sights cannot tell distortion from perspective."""
_STEP = 1e-6
_FLAT = 1e-9
"""A homography with so small a determinant shows the plate from its edge."""
_CELLS, _MARK_PX = 4, 0.025
"""Marks near each other look alike, and are found beside their places alike: by so much (standard deviation)."""


@dataclass(frozen=True, slots=True)
class Sights:
    """What was seen of the plate.

    Attributes:
        plate_mm: float64 (N, 2) (x, y), known places.
        image_px: float64 (N, 2) (column, row), where each is seen.
        normals_px: float64 (N, 2), unit vectors along which alone a sight tells its place; None where it tells both.
        clusters: int (N,): sights that may err alike share a number.
        shared: errors that many edges share, such as those that look the same way and are lit alike: int (N,) that
            says which do, and their standard deviation in pixels.
        common: whether all edges may lie at one unknown distance from their curves: melt is greater or smaller than its
            slice. It cannot be told from scale where only one size of outline is there.
    """

    plate_mm: Points
    image_px: Points
    normals_px: Points | None
    clusters: npt.NDArray[np.int64]
    shared: tuple[tuple[npt.NDArray[np.int64], float], ...] = ()
    common: bool = False

    @classmethod
    def of_marks(cls, plate_mm: Points, image_px: Points) -> Sights:
        """Marks whose places are seen whole."""
        plate, seen = np.asarray(plate_mm, np.float64), np.asarray(image_px, np.float64)
        cells = np.floor(_CELLS * (seen - seen.min(axis=0)) / (np.ptp(seen, axis=0) + 1e-9)).astype(np.int64)
        return cls(plate, seen, None, np.arange(len(plate)), ((cells @ np.array([1, _CELLS]), _MARK_PX),))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration with what it rests on.

    Attributes:
        calibration: with its goodness.
        sights: what was fitted.
        residuals_px: float64 (N, 2), seen minus fitted, in pixels (of edges along their normals only).
        covariance: float64 (K, K) of the unknowns.
    """

    calibration: Calibration
    sights: Sights
    residuals_px: Points
    covariance: npt.NDArray[np.float64]
    _model: _Model

    def place_um_90(self, plate_mm: Points) -> npt.NDArray[np.float64]:
        """Radius within which each place (N, 2), in mm, is right in 90 % of cases: float64 (N,), in µm.

        A place's squared error is a sum of two squares of unlike size; Satterthwaite's approximation of its quantile.
        """
        radii = []
        for at, slope in enumerate(self._model.slopes(plate_mm)):
            per_mm = np.stack([self._model.per_mm(plate_mm[at], axis) for axis in (0, 1)], axis=1)
            moved = np.linalg.solve(per_mm, slope)
            spread = moved @ self.covariance @ moved.T
            total, square = float(np.trace(spread)), float(np.sum(spread**2))
            freedom = total**2 / square if square > 0 else 1.0
            radii.append(1000 * np.sqrt(max(0.0, total) / freedom * chi2.ppf(_CONFIDENCE, freedom)))
        return np.asarray(radii, np.float64)


class _Model:
    """The unknowns in units that condition them well: plate and image centred, and scaled to about 1."""

    def __init__(self, start: Calibration, grid: PlateGrid, *, lens: bool) -> None:
        rows, columns = start.image_shape
        self._shape = start.image_shape
        self._centre = ((columns - 1) / 2, (rows - 1) / 2)
        self._unit = float(np.hypot(rows, columns)) / 2
        width, height = grid.size_mm
        self.half_mm = max(width, height) / 2
        middle = (grid.origin_mm[0] + (width - grid.mm_per_px) / 2, grid.origin_mm[1] + (height - grid.mm_per_px) / 2)
        self.middle_mm = np.array([middle])
        self._from_mm = np.array(
            [
                [1 / self.half_mm, 0, -middle[0] / self.half_mm],
                [0, 1 / self.half_mm, -middle[1] / self.half_mm],
                [0, 0, 1.0],
            ]
        )
        self._to_px = np.array([[self._unit, 0, self._centre[0]], [0, self._unit, self._centre[1]], [0, 0, 1.0]])
        self._lens, self._fixed = lens, start.lens
        unit = np.linalg.inv(self._to_px) @ start.matrix @ np.linalg.inv(self._from_mm)
        bends = (start.lens.k1, start.lens.k2) if lens and start.lens else (0.0, 0.0)
        self.values = np.concatenate([(unit / unit[2, 2]).ravel()[:8], bends if lens else ()])

    def calibration(self, values: npt.NDArray[np.float64], source: str) -> Calibration:
        """The calibration that the unknowns mean."""
        matrix = self._to_px @ np.append(values[:8], 1.0).reshape(3, 3) @ self._from_mm
        lens = Lens(self._centre, self._unit, float(values[8]), float(values[9])) if self._lens else self._fixed
        return Calibration.from_matrix(matrix, self._shape, source, lens)

    def project(self, values: npt.NDArray[np.float64], plate_mm: Points) -> Points:
        """Where places (N, 2) are seen: float64 (N, 2)."""
        return np.nan_to_num(self.calibration(values, "").to_image(plate_mm), nan=1e6)

    def slopes(self, plate_mm: Points) -> npt.NDArray[np.float64]:
        """How the place at which each of (N, 2) is seen changes with each unknown: float64 (N, 2, K)."""
        steps = _STEP * np.eye(self.values.size)
        moved = [self.project(self.values + s, plate_mm) - self.project(self.values - s, plate_mm) for s in steps]
        return np.asarray(np.stack(moved, axis=-1) / (2 * _STEP), np.float64)

    def per_mm(self, place_mm: Points, axis: int) -> Points:
        """Pixels per mm along x or y at one place (2,): float64 (2,)."""
        step = np.zeros(2)
        step[axis] = 1e-3
        ends = self.project(self.values, np.stack([place_mm + step, place_mm - step]))
        return np.asarray((ends[0] - ends[1]) / 2e-3, np.float64)

    def um_per_px(self, values: npt.NDArray[np.float64]) -> float:
        """Size of an image pixel in the middle of the plate, in µm: the root of its area."""
        step = 1e-3
        around = self.middle_mm + step * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
        ends = self.project(values, around)
        area = np.linalg.det(np.stack([ends[0] - ends[1], ends[2] - ends[3]]) / (2 * step))
        return 1000.0 / float(np.sqrt(abs(area)))


def fit(
    sights: Sights,
    start: Calibration,
    grid: PlateGrid,
    source: str,
    *,
    lens: bool = False,
    assumed_px: float | None = None,
) -> Fitted:
    """Fit a calibration to what was seen.

    Args:
        sights: at least four marks, or as many edges as tell a homography.
        start: near enough; its lens is kept where `lens` is not asked for.
        grid: the plate grid, whose middle and extent the goodness is about.
        source: how it was made, in a word.
        lens: whether distortion is fitted as well.
        assumed_px: standard deviation of each sight, where too few are there to tell; None takes the residuals.

    Raises:
        CalibrationError: too few sights, or these do not tell a calibration.
    """
    if lens and len(sights.plate_mm) < _LEAST_LENS_SIGHTS:
        raise CalibrationError(
            f"{len(sights.plate_mm)} marks cannot tell the lens's distortion from perspective",
            cure=f"show at least {_LEAST_LENS_SIGHTS} marks over the whole plate, or calibrate without the lens",
        )
    model = _Model(start, grid, lens=lens)
    rows = _rows(sights, model)
    found = least_squares(rows, model.values, x_scale="jac", max_nfev=200)
    scale = max(1e-6, 1.4826 * float(np.median(np.abs(found.fun))))
    if len(found.fun) > 2 * found.x.size:
        found = least_squares(rows, found.x, loss="huber", f_scale=_HUBER * scale, x_scale="jac", max_nfev=200)
    model.values = np.asarray(found.x, np.float64)
    off = rows(model.values)
    covariance = _covariance(sights, _along(sights, model.slopes(sights.plate_mm)), off, assumed_px)
    residuals = -off.reshape(-1, 2) if sights.normals_px is None else -off[:, None] * sights.normals_px
    fitted = Fitted(model.calibration(model.values, source), sights, residuals, covariance, model)
    return replace(fitted, calibration=replace(fitted.calibration, goodness=_goodness(fitted, grid, assumed_px)))


def _rows(sights: Sights, model: _Model) -> Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]:
    def rows(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return _along(sights, model.project(values, sights.plate_mm) - sights.image_px)

    return rows


def _along(sights: Sights, off: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What sights tell of displacements (N, 2[, K]): (2N[, K]) of marks, (N[, K]) of edges.

    The distance that all edges have in common is taken out where it is an unknown of its own.
    """
    if sights.normals_px is None:
        return off.reshape(2 * len(off), *off.shape[2:])
    told = np.einsum("nk...,nk->n...", off, sights.normals_px)
    return np.asarray(told - told.mean(axis=0) if sights.common else told, np.float64)


def _covariance(
    sights: Sights, slopes: npt.NDArray[np.float64], residuals: npt.NDArray[np.float64], assumed_px: float | None
) -> npt.NDArray[np.float64]:
    """Covariance (K, K) of the unknowns: by clusters, or by what is assumed of each sight.

    Raises:
        CalibrationError: the sights do not tell every unknown.
    """
    information = slopes.T @ slopes
    if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
        raise CalibrationError(
            "what was seen does not tell where the plate is: the marks lie on a line, or in one corner",
            cure="show marks over the whole plate",
        )
    inverse = np.linalg.inv(information)
    if assumed_px is not None:
        return np.asarray(inverse * assumed_px**2, np.float64)
    each = 2 if sights.normals_px is None else 1
    limit = 3 * 1.4826 * max(1e-9, float(np.median(np.abs(residuals))))
    scores = slopes * np.clip(residuals, -limit, limit)[:, None]
    numbers, places = np.unique(sights.clusters, return_inverse=True)
    sums = np.zeros((numbers.size, slopes.shape[1]))
    np.add.at(sums, np.repeat(places, each), scores)
    spare = max(1.0, each * numbers.size - slopes.shape[1])
    spread = inverse @ (sums.T @ sums) @ inverse * (each * numbers.size / spare)
    for each_sight, px in sights.shared:
        who = each_sight if each == 1 else (2 * each_sight[:, None] + np.arange(2)).ravel()
        for number in np.unique(who):
            moved = inverse @ slopes[who == number].sum(axis=0) * px
            spread = spread + np.outer(moved, moved)
    return np.asarray(spread, np.float64)


def _goodness(fitted: Fitted, grid: PlateGrid, assumed_px: float | None) -> Goodness:
    model = fitted._model
    size = model.um_per_px(model.values)
    steps = _STEP * np.eye(model.values.size)
    slope = np.array([model.um_per_px(model.values + s) - model.um_per_px(model.values - s) for s in steps]) / (
        2 * _STEP
    )
    spread = float(np.sqrt(slope @ fitted.covariance @ slope))
    off = fitted.residuals_px
    residual = float(np.sqrt(np.mean(np.sum(off**2, axis=1))))
    said = ""
    if assumed_px is not None:
        said = f"each point is right to {assumed_px:g} px (standard deviation)"
    elif fitted.sights.shared:
        most = max(px for _, px in fitted.sights.shared)
        said = f"what looks alike is found right to {most:g} px (standard deviation)"
    worst = float(fitted.place_um_90(lattice(grid)).max())
    return Goodness(len(off), residual, size, _NORMAL_90 * spread, worst, said)


def lattice(grid: PlateGrid, count: int = _LATTICE) -> Points:
    """Places spread over the grid: float64 (count², 2) (x, y), in mm."""
    steps = (np.linspace(0, size - 1, count) for size in (grid.shape[1], grid.shape[0]))
    return np.stack(np.meshgrid(*steps), axis=-1).reshape(-1, 2) * grid.mm_per_px + grid.origin_mm


def homography(plate_mm: Points, image_px: Points, shape: tuple[int, int], source: str) -> Calibration:
    """A first calibration through four marks or more, without a lens; outliers among many are left out.

    Raises:
        CalibrationError: fewer than four marks, or all on a line.
    """
    matrix = None
    if len(plate_mm) >= 4:
        matrix, _ = cv2.findHomography(
            np.asarray(plate_mm, np.float64), np.asarray(image_px, np.float64), cv2.RANSAC, 5.0
        )
    if matrix is None or not np.isfinite(matrix).all() or min(abs(matrix[2, 2]), abs(np.linalg.det(matrix))) < _FLAT:
        raise CalibrationError(
            f"{len(plate_mm)} marks do not tell where the plate is",
            cure="show at least four marks that are spread over the plate",
        )
    return Calibration.from_matrix(np.asarray(matrix, np.float64), shape, source)
