"""Calibration from what a camera shows, where the truth is known: boards, plates and parts of the virtual printer."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import Settings
from monitor.devices.simulated import SceneSpec, layer_truth, render_camera
from monitor.devices.simulated.scene import BedSpec
from monitor.domain import Calibration, CalibrationError, FlatField, Image, Lens, PlateGrid
from monitor.optics import (
    Board,
    Fitted,
    Sights,
    find_markers,
    find_plate,
    fit,
    fit_parts,
    fit_plate,
    flat_field,
    homography,
    lattice,
    lens_from_views,
    rectify,
    residual_picture,
)
from tests.optics.boards import BOARD, GRID, SHAPE, camera, shown

PLATE_MM = np.array([[-22.0, -22.0], [22.0, -22.0], [22.0, 22.0], [-22.0, 22.0]])
VIRTUAL = PlateGrid((-25.55, -25.55), 100.0, (512, 512))


@cache
def virtual() -> SceneSpec:
    """A square plate with rings and bars in front of a webcam, at half of the usual size."""
    cameras = [
        {"name": "webcam", "role": "webcam", "shape": [540, 720]},
        {"name": "basler", "role": "basler", "shape": [600, 800], "pixel_format": "Mono8"},
    ]
    plate = {"origin_mm": VIRTUAL.origin_mm, "um_per_px": VIRTUAL.um_per_px, "shape": VIRTUAL.shape}
    settings = Settings.model_validate({"plate": plate, "cameras": cameras, "simulation": {"layers": 2}})
    return replace(SceneSpec.from_settings(settings), bed=BedSpec("square", 22.0, 0.6))


@cache
def photograph() -> npt.NDArray[np.uint8]:
    """One layer, as the webcam shows it."""
    return np.asarray(render_camera(virtual(), 1, "webcam"), np.uint8)


def grey(image: npt.NDArray[np.uint8]) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def errors_um(found: Calibration, truth: Calibration, places_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far beside each place of the plate the camera really looks where the calibration looks for it."""
    return np.asarray(1000 * np.linalg.norm(truth.to_plate(found.to_image(places_mm)) - places_mm, axis=1))


def um_per_px(calibration: Calibration) -> float:
    """Size of a pixel in the middle of the grid."""
    ends = calibration.to_image(np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]]))
    return float(1000 / np.sqrt(abs(np.linalg.det(np.stack([ends[0] - ends[1], ends[2] - ends[3]])))))


def by_board(seed: int) -> tuple[Fitted, Calibration]:
    """A board on the plate, fitted with its lens, and the truth."""
    truth = camera(seed)
    _, plate_mm, image_px = BOARD.corners(shown(BOARD, truth, seed))
    start = homography(plate_mm, image_px, SHAPE, "charuco")
    return fit(Sights.of_marks(plate_mm, image_px), start, GRID, "charuco", lens=True), truth


@given(k1=st.floats(-0.2, 0.2), k2=st.floats(-0.03, 0.03), x=st.floats(0, 1919), y=st.floats(0, 1079))
def test_a_lens_is_undone(k1: float, k2: float, x: float, y: float) -> None:
    """Ideal and shown places are each other's inverse wherever the picture grows outwards."""
    lens = Lens((959.5, 539.5), 1101.0, k1, k2)
    shown_px = lens.distorted(np.array([x, y]))
    assert np.isfinite(shown_px).all()
    np.testing.assert_allclose(lens.ideal(shown_px), [x, y], atol=1e-6)


def test_what_lies_behind_the_fold_of_a_lens_is_nowhere() -> None:
    """A strong barrel shows far places never, instead of a second time."""
    assert np.isnan(Lens((0.0, 0.0), 100.0, -0.3, 0.0).distorted(np.array([150.0, 0.0]))).all()


def test_a_distorted_picture_is_straightened() -> None:
    """A picture that is a function of the plate place shows that function on the grid, to a grey level and a half."""
    lens = Lens(((SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2), 450.0, -0.15, 0.01)
    truth = replace(camera(1), lens=lens)
    rows, columns = np.indices(SHAPE, dtype=np.float64)
    plate = truth.to_plate(np.stack([columns, rows], -1))
    image = np.clip(np.rint(128 + plate[..., 0] + 0.8 * plate[..., 1]), 0, 255).astype(np.uint8)
    x, y = (np.arange(1024) * 0.1 - 51.15 for _ in range(2))
    expected = 128 + x[None, :] + 0.8 * y[:, None]
    inner = (slice(30, -30), slice(30, -30))
    assert np.abs(rectify(image, truth, GRID)[inner] - expected[inner]).max() <= 1.5
    straight = rectify(image, replace(truth, lens=None), GRID)
    assert np.abs(straight[inner] - expected[inner]).max() > 3


def test_the_digest_is_of_everything_that_decides_a_pixel() -> None:
    """Another homography, lens, size or flat field is another calibration; another source or goodness is not."""
    one = camera(1)
    flat = FlatField((2, 2), (1.0, 1.0, 1.0, 0.9))
    others = (camera(2), replace(one, lens=None), replace(one, image_shape=(1, 1)), replace(one, flat=flat))
    assert len({one.digest, *(other.digest for other in others)}) == 5
    assert replace(one, source="else").digest == one.digest
    assert one.digest.startswith("sha256:")


def test_a_board_tells_plate_lens_and_its_own_error() -> None:
    """Over ten cameras: places right to a tenth of a pixel, and within their 90 % radius in 80 to 100 % of cases."""
    places = lattice(GRID, 5)
    within, scale = [], []
    for seed in range(10):
        found, truth = by_board(seed)
        assert found.calibration.goodness is not None
        errors = errors_um(found.calibration, truth, places)
        assert np.median(errors) < 20  # of 200 µm per pixel
        within.append(errors <= found.place_um_90(places))
        goodness = found.calibration.goodness
        scale.append(abs(goodness.um_per_px - um_per_px(truth)) <= goodness.um_per_px_90)
    assert np.mean(within) >= 0.8
    assert sum(scale) >= 8


def test_three_views_tell_the_lens() -> None:
    """Boards seen from several sides give the lens; it is that of the camera, wherever the boards were."""
    truth = camera(3)
    views = []
    for seed in range(4):
        tilted = replace(camera(10 + seed, tilt=0.4), lens=truth.lens)
        _, plate_mm, image_px = BOARD.corners(shown(BOARD, tilted, seed))
        views.append((plate_mm, image_px))
    lens, error = lens_from_views(views, SHAPE)
    assert error < 0.3
    assert truth.lens is not None
    corner = np.array([20.0, 20.0])
    assert np.isfinite(lens.distorted(corner)).all()
    with pytest.raises(CalibrationError, match="2 views"):
        lens_from_views(views[:2], SHAPE)


def test_single_markers_tell_the_plate() -> None:
    """Four markers on the plate: their corners are found and named by number."""
    size, centres = 8.0, {3: (-40.0, -40.0), 7: (40.0, -40.0), 1: (40.0, 40.0), 5: (-40.0, 40.0)}
    sheet = np.full((2048, 2048), 200, np.uint8)
    marks = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    for number, (x, y) in centres.items():
        left, top = (round((value - size / 2 + 51.2) * 20) for value in (x, y))
        sheet[top : top + 160, left : left + 160] = cv2.aruco.generateImageMarker(marks, number, 160)
    truth = replace(camera(5), lens=None)
    to_sheet = np.array([[20.0, 0, 51.2 * 20 - 0.5], [0, 20.0, 51.2 * 20 - 0.5], [0, 0, 1]])
    view = truth.matrix @ np.linalg.inv(to_sheet)
    seen = cv2.GaussianBlur(cv2.warpPerspective(cv2.GaussianBlur(sheet, (0, 0), 2), view, SHAPE[::-1]), (0, 0), 0.8)
    plate_mm, image_px = find_markers(np.asarray(seen, np.uint8), centres, size)
    assert len(plate_mm) == 16
    found = fit(Sights.of_marks(plate_mm, image_px), homography(plate_mm, image_px, SHAPE, "aruco"), GRID, "aruco")
    assert np.median(errors_um(found.calibration, truth, lattice(GRID))) < 60
    with pytest.raises(CalibrationError, match=r"none of the markers \[9\]"):
        find_markers(np.asarray(seen, np.uint8), {9: (0.0, 0.0)}, size)


def test_the_plates_corners_are_found_and_its_edges_fitted() -> None:
    """Corners to some pixels by themselves; the fit of the edges to half a pixel, and within what it says."""
    truth = virtual().camera("webcam").calibration
    corners = find_plate(grey(photograph()))
    assert np.abs(corners - truth.to_image(PLATE_MM)).max() < 6
    found = fit_plate(photograph(), PLATE_MM, homography(PLATE_MM, corners, truth.image_shape, "plate"), lens=False)
    places = PLATE_MM * 0.9
    assert (errors_um(found.calibration, truth, places) <= found.place_um_90(places)).all()
    assert found.calibration.goodness is not None
    assert abs(found.calibration.goodness.um_per_px - um_per_px(truth)) <= found.calibration.goodness.um_per_px_90


def test_the_parts_tell_where_the_plate_is() -> None:
    """From a start that is 5 px off: within half a pixel over the parts, and within what it says at most places."""
    truth = virtual().camera("webcam").calibration
    rough = np.array([[1.003, 0.002, 0.4], [-0.002, 0.998, -0.3], [0, 0, 1.0]])
    start = Calibration.from_matrix(truth.matrix @ rough, truth.image_shape, "rough")
    found = fit_parts(photograph(), layer_truth(virtual(), 1), start, VIRTUAL, reach_px=8.0, lens=False)
    places = lattice(VIRTUAL) * 0.7
    errors = errors_um(found.calibration, truth, places)
    assert errors_um(start, truth, places).min() > 300
    assert errors.mean() < 60
    assert (errors <= found.place_um_90(places)).mean() >= 0.8


def test_what_is_not_there_is_said() -> None:
    """Powder alone has no corners, no board and no parts; each error says what to do."""
    noise = np.random.default_rng(0).integers(90, 120, SHAPE).astype(np.uint8)
    with pytest.raises(CalibrationError, match="no plate with four corners"):
        find_plate(noise)
    with pytest.raises(CalibrationError, match="0 corners of the ChArUco"):
        BOARD.corners(noise)
    truth, slice_ = virtual().camera("webcam").calibration, layer_truth(virtual(), 1)
    with pytest.raises(CalibrationError, match="parts are not seen"):
        fit_parts(np.full(SHAPE, 99, np.uint8), slice_, truth, VIRTUAL, reach_px=8.0, lens=False)
    with pytest.raises(CalibrationError, match="dictionary"):
        Board((4, 4), 8.0, 6.0, dictionary="DICT_X").corners(noise)
    with pytest.raises(CalibrationError, match="no ChArUco board"):
        Board((2, 4), 8.0, 6.0).corners(noise)


def test_marks_on_a_line_are_refused() -> None:
    """They tell no plane; nor do twelve parameters follow from four marks."""
    line = np.column_stack([np.linspace(-40, 40, 8), np.zeros(8)])
    truth = camera(1)
    with pytest.raises(CalibrationError, match="on a line"):
        fit(Sights.of_marks(line, truth.to_image(line)), replace(truth, lens=None), GRID, "corners")
    square = PLATE_MM
    with pytest.raises(CalibrationError, match="cannot tell the lens"):
        fit(Sights.of_marks(square, truth.to_image(square)), truth, GRID, "corners", lens=True)


def test_four_given_corners_say_what_they_assume() -> None:
    """Four marks leave no residual; the interval comes from what is assumed of each, in words."""
    truth = replace(camera(4), lens=None)
    seen = truth.to_image(PLATE_MM)
    found = fit(Sights.of_marks(PLATE_MM, seen), truth, GRID, "corners", assumed_px=1.0).calibration.goodness
    double = fit(Sights.of_marks(PLATE_MM, seen), truth, GRID, "corners", assumed_px=2.0).calibration.goodness
    assert found is not None
    assert double is not None
    assert "1 px" in found.assumed
    assert double.um_per_px_90 == pytest.approx(2 * found.um_per_px_90, rel=0.05)


def test_a_flat_field_evens_the_plate() -> None:
    """Vignetting and a gradient of a third leave less than 2 % after division; grain does not get into it."""
    truth = replace(camera(2), lens=None)
    rows, columns = np.indices(SHAPE)
    x, y = columns / (SHAPE[1] - 1) * 2 - 1, rows / (SHAPE[0] - 1) * 2 - 1
    light = (1 - 0.15 * (x**2 + y**2)) * (1 + 0.15 * x)
    rng = np.random.default_rng(0)
    pictures = [
        np.clip(120 * light * (1 + 0.05 * rng.standard_normal(SHAPE)), 0, 255).astype(np.uint8) for _ in range(3)
    ]
    flat = flat_field(pictures, truth, GRID)
    even = rectify(np.rint(120 * light).astype(np.uint8), replace(truth, flat=flat), GRID)
    disc = np.hypot(*(np.indices(GRID.shape) - 511.5)) < 470
    bare = rectify(np.rint(120 * light).astype(np.uint8), truth, GRID)
    assert even[disc].std() < 0.02 * even[disc].mean()
    assert bare[disc].std() > 0.05 * bare[disc].mean()
    with pytest.raises(CalibrationError, match="needs pictures"):
        flat_field([], truth, GRID)
    with pytest.raises(CalibrationError, match="saturated"):
        flat_field([np.full(SHAPE, 255, np.uint8)], truth, GRID)


def test_residuals_are_shown() -> None:
    """A colour picture with arrows over the plate and a histogram beside it."""
    found, truth = by_board(1)
    picture = residual_picture(shown(BOARD, truth, 1), found)
    assert picture.shape == (825, 1400, 3)
    red = (picture[..., 2] > 180) & (picture[..., 1] < 90)
    assert red[:, :1100].sum() > 500
    assert red[:, 1100:].sum() > 5000
