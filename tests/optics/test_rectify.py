"""The way from a camera's image to the plate grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain import Calibration, CalibrationError, PlateGrid
from monitor.optics import coverage, rectify

GRID = PlateGrid((0.0, 0.0), 100.0, (40, 60))


def scaled(um_per_px: float, shape: tuple[int, int], origin: tuple[float, float] = (0.0, 0.0)) -> Calibration:
    """A camera that looks straight down at that scale."""
    return Calibration.from_matrix(np.linalg.inv(PlateGrid(origin, um_per_px, shape).to_mm()), shape, "test")


def tilted(shape: tuple[int, int] = (300, 400)) -> Calibration:
    """A camera that sees the grid in perspective, everywhere at more than one pixel per grid pixel."""
    view = np.array([[60.0, 5.0, 12.0], [-4.0, 62.0, 25.0], [0.02, 0.01, 1.0]])
    return Calibration.from_matrix(view, shape, "test")


def test_identity_keeps_every_pixel() -> None:
    """An image that is the plate grid already comes back as it was."""
    image = np.random.default_rng(0).integers(0, 256, GRID.shape, dtype=np.uint8)
    np.testing.assert_array_equal(rectify(image, scaled(100.0, GRID.shape), GRID), image)


def test_perspective_is_undone() -> None:
    """A picture that is a function of the plate place shows that function on the grid, to a grey level."""
    calibration = tilted()
    rows, columns = np.indices(calibration.image_shape, dtype=np.float64)
    x, y, w = np.tensordot(np.linalg.inv(calibration.matrix), np.stack([columns, rows, np.ones_like(rows)]), 1)
    image = np.clip(np.rint(40 + 20 * x / w + 10 * y / w), 0, 255).astype(np.uint8)
    r, c = np.indices(GRID.shape)
    expected = 40 + 2.0 * c + 1.0 * r
    assert np.abs(rectify(image, calibration, GRID)[1:-1, 1:-1] - expected[1:-1, 1:-1]).max() <= 1.0


def test_fine_stripes_do_not_alias() -> None:
    """Stripes of one camera pixel at 45 µm become even grey at 100 µm, not slow waves."""
    image = np.zeros((120, 170), np.uint8)
    image[:, ::2] = 200
    seen = rectify(image, scaled(45.0, image.shape), GRID)[2:-2, 2:-2]
    naive = image[2:-2, np.rint(np.arange(2, 58) * 100 / 45).astype(int)]
    assert seen.std() < 20 < naive.std()
    assert abs(seen.mean() - 100) < 2


@settings(max_examples=25, deadline=None)
@given(um=st.floats(12.0, 90.0), radius_mm=st.floats(0.6, 1.6))
def test_area_is_kept_when_minifying(um: float, radius_mm: float) -> None:
    """The light of a disc is the same on the grid as in any finer camera."""
    shape = (round(4000 / um) + 2, round(6000 / um) + 2)
    y, x = np.indices(shape) * (um / 1000)
    disc = ((x - 3) ** 2 + (y - 2) ** 2 <= radius_mm**2).astype(np.uint8) * 255
    seen = rectify(disc, scaled(um, shape), GRID)
    assert seen.sum() * GRID.mm_per_px**2 == pytest.approx(disc.sum() * (um / 1000) ** 2, rel=0.01)


def test_colour_becomes_luminance() -> None:
    """RGB is weighed by BT.601."""
    image = np.empty((*GRID.shape, 3), np.uint8)
    image[:] = (200, 100, 50)
    assert (rectify(image, scaled(100.0, GRID.shape), GRID) == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)).all()


@pytest.mark.parametrize(
    ("bits", "value", "byte"), [(12, 4095, 255), (12, 2048, 128), (16, 65535, 255), (12, 9999, 255)]
)
def test_significant_bits_fill_the_byte(bits: int, value: int, byte: int) -> None:
    """The full scale of the camera is 255; what lies above it is clipped."""
    image = np.full(GRID.shape, value, np.uint16)
    assert (rectify(image, scaled(100.0, GRID.shape), GRID, bits=bits) == byte).all()


def test_outside_of_the_image_is_black_and_not_covered() -> None:
    """Where the camera does not see the plate, pixels are 0 and coverage is False."""
    calibration = scaled(100.0, (40, 30), origin=(2.0, 0.0))
    seen = rectify(np.full((40, 30), 99, np.uint8), calibration, GRID)
    covered = coverage(calibration, GRID)
    assert (seen[covered] == 99).all()
    assert (seen[~covered] == 0).all()
    assert covered.sum() == 40 * 30


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((41, 60), np.uint8),
        np.zeros((40, 60, 4), np.uint8),
        np.zeros((40, 60), np.float32),
        np.zeros(60, np.uint8),
    ],
)
def test_an_unfit_image_is_refused(image: np.ndarray) -> None:
    """Another size than the calibration's, four channels or floats: an error that says what to do."""
    with pytest.raises(CalibrationError) as error:
        rectify(image, scaled(100.0, GRID.shape), GRID)
    assert "camera" in error.value.cure or "pixel_format" in error.value.cure


def test_a_calibration_in_other_units_is_refused() -> None:
    """Corners in metres make a grid pixel hold thousands of camera pixels: an error, not a full memory."""
    view = np.array([[5e5, 0, 100], [0, 5e5, 100], [0, 0, 1]])
    with pytest.raises(CalibrationError, match="holds 50000 pixels"):
        rectify(np.zeros((400, 600), np.uint8), Calibration.from_matrix(view, (400, 600), "test"), GRID)


@pytest.mark.parametrize(
    "matrix",
    [
        np.array([[1.0, 0, 500], [0, 1, 500], [0, 0, 1]]),
        np.array([[10.0, 0, 0], [0, 10, 0], [-0.3, 0, 1]]),
        np.array([[1.0, 2, 0], [2, 4, 0], [0, 0, 1]]),
    ],
    ids=["beside the image", "horizon on the plate", "singular"],
)
def test_an_impossible_calibration_is_refused(matrix: np.ndarray) -> None:
    """A view that cannot show the grid is an error, not a black layer."""
    with pytest.raises(CalibrationError):
        rectify(np.zeros((40, 60), np.uint8), Calibration.from_matrix(matrix, (40, 60), "test"), GRID)
