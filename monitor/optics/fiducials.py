"""Fiducials on the plate: ChArUco boards and single ArUco markers. Owns finding them; refuses to fit the plate.

Detection and the lens from several views are OpenCV's (`cv2.aruco`, `cv2.calibrateCamera` after Zhang 2000).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import CalibrationError, Image, Lens

Points = npt.NDArray[np.float64]

DICTIONARIES = tuple(sorted(name for name in dir(cv2.aruco) if name.startswith("DICT_")))
_LEAST_CORNERS = 8
_LENS_FLAGS = cv2.CALIB_ZERO_TANGENT_DIST | cv2.CALIB_FIX_K3 | cv2.CALIB_FIX_ASPECT_RATIO


@dataclass(frozen=True, slots=True)
class Board:
    """A ChArUco board.

    Attributes:
        squares: columns and rows of squares.
        square_mm: edge of a square, in mm.
        marker_mm: edge of a marker, in mm.
        dictionary: OpenCV's name of the markers' dictionary.
        origin_mm: plate coordinates (x, y) of the board's outer corner from which squares are counted; its sides run
            along x and y.
    """

    squares: tuple[int, int]
    square_mm: float
    marker_mm: float
    dictionary: str = "DICT_5X5_250"
    origin_mm: tuple[float, float] = (0.0, 0.0)

    def drawn(self, px_per_mm: float) -> Image:
        """The board to print: uint8 (rows, columns), without margin."""
        columns, rows = (round(count * self.square_mm * px_per_mm) for count in self.squares)
        return np.asarray(self._made().generateImage((columns, rows), marginSize=0), np.uint8)

    def corners(self, grey: Image) -> tuple[npt.NDArray[np.int64], Points, Points]:
        """Find the inner corners of the squares.

        Args:
            grey: uint8 (rows, columns).

        Returns:
            Their numbers (N,); where they are on the board, moved to `origin_mm`, (N, 2) (x, y) in mm; and where they
            are seen, (N, 2) (column, row) in pixels.

        Raises:
            CalibrationError: too few are seen, or the board cannot be.
        """
        made = self._made()
        seen, numbers, _, _ = cv2.aruco.CharucoDetector(made).detectBoard(grey)
        count = 0 if numbers is None else len(numbers)
        if count < _LEAST_CORNERS:
            raise CalibrationError(
                f"{count} corners of the ChArUco board are seen, {_LEAST_CORNERS} are needed",
                cure="show the whole board sharp and evenly lit; check squares, square_mm, marker_mm and dictionary",
            )
        which = np.asarray(numbers, np.int64).ravel()
        board = np.asarray(made.getChessboardCorners(), np.float64)[which, :2]
        return which, board + self.origin_mm, np.asarray(seen, np.float64).reshape(-1, 2)

    def _made(self) -> cv2.aruco.CharucoBoard:
        if min(self.squares) < 3 or not 0 < self.marker_mm < self.square_mm:
            raise CalibrationError(
                f"no ChArUco board has {self.squares[0]}×{self.squares[1]} squares of {self.square_mm:g} mm with "
                f"markers of {self.marker_mm:g} mm",
                cure="give at least 3×3 squares, and markers smaller than them",
            )
        return cv2.aruco.CharucoBoard(self.squares, self.square_mm, self.marker_mm, _dictionary(self.dictionary))


def find_markers(
    grey: Image, centres_mm: Mapping[int, tuple[float, float]], size_mm: float, dictionary: str = "DICT_4X4_50"
) -> tuple[Points, Points]:
    """Find single ArUco markers whose sides run along x and y.

    Args:
        grey: uint8 (rows, columns).
        centres_mm: plate coordinates of each marker's centre, by its number.
        size_mm: edge of their black squares.
        dictionary: OpenCV's name of their dictionary.

    Returns:
        All corners of those that are seen: on the plate (N, 2), in mm, and in the picture (N, 2), in pixels.

    Raises:
        CalibrationError: none of them is seen.
    """
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    seen, numbers, _ = cv2.aruco.ArucoDetector(_dictionary(dictionary), settings).detectMarkers(grey)
    around = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size_mm / 2
    known = [] if numbers is None else [(int(n), s) for n, s in zip(np.ravel(numbers), seen, strict=True)]
    found = [(around + centres_mm[n], np.asarray(s, np.float64).reshape(4, 2)) for n, s in known if n in centres_mm]
    if not found:
        raise CalibrationError(
            f"none of the markers {sorted(centres_mm)} is seen",
            cure=f"check their numbers and that they are of {dictionary}; show them sharp with a white border",
        )
    plate, image = (np.concatenate(points) for points in zip(*found, strict=True))
    return plate, image


def lens_from_views(views: Sequence[tuple[Points, Points]], shape: tuple[int, int]) -> tuple[Lens, float]:
    """The lens by several views of one board from different sides.

    Args:
        views: places on the board (N, 2), in mm, and in each picture (N, 2), in pixels.
        shape: (rows, columns) of the pictures.

    Returns:
        The lens and the root mean square distance of corners from where it puts them, in pixels.

    Raises:
        CalibrationError: fewer than three views.
    """
    if len(views) < 3:
        raise CalibrationError(
            f"{len(views)} views cannot tell a lens",
            cure="take at least three pictures of the board, tilted differently",
        )
    flat = [np.column_stack([board, np.zeros(len(board))]).astype(np.float32) for board, _ in views]
    seen = [image.astype(np.float32) for _, image in views]
    start = np.array([[max(shape), 0, (shape[1] - 1) / 2], [0, max(shape), (shape[0] - 1) / 2], [0, 0, 1.0]])
    error, camera, bends, _, _ = cv2.calibrateCamera(
        flat, seen, shape[::-1], start, np.zeros(5), flags=_LENS_FLAGS | cv2.CALIB_USE_INTRINSIC_GUESS
    )
    k1, k2 = (float(value) for value in np.ravel(bends)[:2])
    return Lens((float(camera[0][2]), float(camera[1][2])), float(camera[0][0]), k1, k2), float(error)


def _dictionary(name: str) -> cv2.aruco.Dictionary:
    if name not in DICTIONARIES:
        raise CalibrationError(
            f"no dictionary of markers is called {name!r}", cure=f"use one of {', '.join(DICTIONARIES)}"
        )
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))
