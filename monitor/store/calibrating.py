"""A calibration made from a picture, for a person to look at before it is accepted. Owns which picture it is made from.

What is made is a trial: nothing is kept until `accept`. Refuses to find edges and to fit: that is `optics`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Calibration, CalibrationError, CameraFacts, Frame, Gap, Image, Lens, NotInStore, PlateGrid
from monitor.optics import (
    Fitted,
    Sights,
    find_plate,
    fit,
    fit_parts,
    fit_plate,
    flat_field,
    homography,
    residual_picture,
)
from monitor.store.calibrations import CalibrationBook, CalibrationRecord
from monitor.store.image_files import read_image
from monitor.store.listing import list_builds
from monitor.store.reader import BuildReader
from monitor.trigger import commanded_area

Points = npt.NDArray[np.float64]
CLICKED_PX = 1.5
"""How well a person can point at a corner (standard deviation)."""
_REACH_MM = 1.5


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to calibrate by.

    Attributes:
        frame: as the camera gave it.
        facts: the camera.
        grid: the plate grid.
        said: where it comes from, in words.
        layer: the layer of a build that it shows, None for a file.
        reader: that build.
    """

    frame: Frame
    facts: CameraFacts
    grid: PlateGrid
    said: str
    layer: int | None = None
    reader: BuildReader | None = None

    @property
    def grey(self) -> Image:
        """uint8 (rows, columns), the full scale of the camera is 255."""
        image = self.frame.image
        grey = np.asarray(image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), image.dtype)
        return np.asarray(grey.astype(np.uint16) >> (self.frame.bits - 8), np.uint8)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the picture."""
        return self.frame.image.shape[0], self.frame.image.shape[1]


@dataclass(frozen=True, slots=True)
class Trial:
    """A calibration that nobody accepted yet.

    Attributes:
        shot: what it was made from.
        fitted: the calibration with its residuals.
    """

    shot: Shot
    fitted: Fitted

    @property
    def calibration(self) -> Calibration:
        """The calibration."""
        return self.fitted.calibration

    @property
    def corners_px(self) -> Points:
        """Where the outer corners of the plate grid are in the picture: float64 (4, 2) (column, row)."""
        return self.calibration.to_image(grid_corners(self.shot.grid))

    def picture(self) -> bytes:
        """PNG of the residuals."""
        return bytes(cv2.imencode(".png", residual_picture(self.shot.grey, self.fitted))[1].tobytes())

    def accept(self, root: Path, by: str) -> CalibrationRecord:
        """Keep it as the one that holds; errors as in `CalibrationBook.accept`."""
        book, facts = CalibrationBook(root), self.shot.facts
        return book.accept(facts, self.calibration, self.picture(), made_of=self.shot.said, by=by)


def shot_of_build(root: Path, camera: str, build: str = "", layer: int | None = None) -> Shot:
    """The picture of a camera in a layer of a build; of the newest build, and of its newest layer with one, by default.

    Raises:
        NotInStore: there is no such build, layer or camera, or the camera gave no frame.
    """
    ids = [build] if build else [found.manifest.id for found in reversed(list_builds(root)) if found.layers]
    for name in ids:
        reader = BuildReader.open(root, name)
        facts = next((facts for facts in reader.facts if facts.name == camera), None)
        layers = reader.layers()[::-1] if layer is None else (layer,)
        for index in layers[:50] if facts else ():
            found = reader.capture(index, camera)
            if facts and isinstance(found, Frame):
                said = f"layer {index} of build {name}"
                return Shot(found, facts, reader.manifest.grid, said, index, reader)
            if isinstance(found, Gap) and layer is not None:
                raise NotInStore(f"layer {index} has no frame of '{camera}': {found.reason}", cure="take another layer")
    raise NotInStore(
        f"no build has a picture of camera '{camera}'",
        cure="record a layer first, or give a picture: --image FILE; and check the camera's name",
    )


def shot_of_file(root: Path, path: Path, facts: CameraFacts | None, grid: PlateGrid, camera: str) -> Shot:
    """A picture in a file; it is bound to the camera as builds know it.

    Raises:
        CalibrationError: no build knows the camera, or its pictures have another size.
        ImportDataError: the file cannot be read.
    """
    known = facts or _known(root, camera)
    image = read_image(path)
    if known is None or image.shape[:2] != known.shape[:2]:
        raise CalibrationError(
            f"{path}: is {image.shape[:2]} (rows, columns), camera '{camera}' "
            + ("is in no build yet" if known is None else f"gives {known.shape[:2]}"),
            cure="take the picture with this camera at its configured size, once it was in a build",
        )
    return Shot(Frame(camera, image, 0.0, bits=8 * image.itemsize), known, grid, f"picture {path.name}")


def _known(root: Path, camera: str) -> CameraFacts | None:
    """What the newest build says of a camera."""
    facts = [f for build in reversed(list_builds(root)) for f in build.manifest.cameras if f.name == camera]
    return facts[0] if facts else None


def by_corners(
    shot: Shot, plate_mm: Points | None = None, corners_px: Points | None = None, *, turn: int = 0, lens: bool = False
) -> Trial:
    """Calibrate by the plate's corners: found in the picture and refined along its edges, or given as they are.

    Args:
        shot: a picture of the plate.
        plate_mm: float64 (4, 2), corners of the plate from its first one, clockwise in the plate grid; None takes the
            outer corners of the plate grid.
        corners_px: float64 (4, 2), where they are in the picture; None looks for them.
        turn: by how many quarter turns, clockwise, the camera is mounted: which found corner is the first.
        lens: whether distortion is fitted, where the corners are found.

    Raises:
        CalibrationError: they are not found, or tell no calibration.
    """
    plate = grid_corners(shot.grid) if plate_mm is None else plate_mm
    if corners_px is not None:
        start = homography(plate, corners_px, shot.shape, "corners")
        sights = Sights.of_marks(plate, corners_px)
        return Trial(shot, fit(sights, start, shot.grid, "corners", assumed_px=CLICKED_PX))
    found = np.roll(find_plate(shot.grey), -turn, axis=0)
    start = homography(plate, found, shot.shape, "plate")
    return Trial(shot, fit_plate(shot.frame.image, plate, start, lens=lens, bits=shot.frame.bits))


def by_marks(shot: Shot, plate_mm: Points, image_px: Points, source: str, lens: bool | Lens = False) -> Trial:
    """Calibrate by marks whose places are known; the lens is fitted as well (True), or known already.

    Raises:
        CalibrationError: they are too few, or tell no calibration.
    """
    known = lens if isinstance(lens, Lens) else None
    start = homography(plate_mm, known.ideal(image_px) if known else image_px, shot.shape, source)
    sights = Sights.of_marks(plate_mm, image_px)
    return Trial(shot, fit(sights, replace(start, lens=known), shot.grid, source, lens=lens is True))


def by_parts(shot: Shot, start: Calibration | None = None, *, lens: bool = False) -> Trial:
    """Calibrate by the parts of a layer against its reference mask, else against where the laser was.

    Args:
        shot: a layer of a build.
        start: right to a millimetre and a half; None takes the camera's own, or the one that was accepted.
        lens: whether distortion is fitted as well.

    Raises:
        CalibrationError: nothing says where the parts should be, nobody knows roughly where the plate is, or the parts
            are not seen there.
    """
    near = start or shot.facts.calibration
    mask = None
    if shot.reader is not None and shot.layer is not None:
        mask = shot.reader.reference(shot.layer)
        laser = shot.reader.laser_map(shot.layer) if mask is None else None
        if laser is not None:
            mask = commanded_area(laser, shot.grid, spot_mm=0.0)
    if mask is None or not mask.any():
        raise CalibrationError(
            f"{shot.said}: has neither a reference mask nor a laser-on map",
            cure="take a layer of a build that has one of them",
        )
    if near is None:
        raise CalibrationError(
            f"camera '{shot.facts.name}' has no calibration to begin with",
            cure="give the corners first: they need to be right to a millimetre only",
        )
    reach = float(np.clip(_REACH_MM / shot.grid.mm_per_px, 4.0, 24.0))
    image = shot.frame.image
    return Trial(shot, fit_parts(image, mask, near, shot.grid, reach_px=reach, lens=lens, bits=shot.frame.bits))


def with_flat_field(trial: Trial, pictures: list[Shot]) -> Trial:
    """The same with the flat field of some pictures of bare powder.

    Raises:
        CalibrationError: they do not tell one.
    """
    flat = flat_field([shot.grey for shot in pictures], trial.calibration, trial.shot.grid)
    return replace(trial, fitted=replace(trial.fitted, calibration=replace(trial.calibration, flat=flat)))


def grid_corners(grid: PlateGrid) -> Points:
    """Outer corners of the plate grid, in mm: float64 (4, 2), clockwise from the first pixel's."""
    (x, y), (width, height), half = grid.origin_mm, grid.size_mm, grid.mm_per_px / 2
    left, top = x - half, y - half
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])
