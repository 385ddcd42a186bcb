"""Registration of nominal masks to layer images, on drawn layers whose truth is known."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from monitor.domain import Image, Mask
from monitor.optics import contour_error, register, register_layers

SHAPE = (220, 260)
TRUTH = np.array([[1.012, 0.004, 1.7], [-0.006, 0.99, 3.4], [0, 0, 1.0]])
"""Up to six pixels off, sheared and of another scale."""


def nominal() -> Mask:
    """Two rings, a bar and a disc."""
    r, c = np.indices(SHAPE)

    def disc(row: float, column: float, radius: float) -> npt.NDArray[np.bool_]:
        return np.asarray(np.hypot(r - row, c - column) <= radius)

    rings = (disc(60, 70, 40) & ~disc(60, 70, 27)) | (disc(150, 190, 44) & ~disc(150, 190, 30))
    bar = (abs(r - 60) < 30) & (abs(c - 190) < 14)
    return np.asarray(rings | bar | disc(170, 70, 22))


def photograph(mask: Mask, truth: npt.NDArray[np.float64], seed: int = 0, *, bright: bool = False) -> Image:
    """A layer in uneven light, with grain and specular points, whose parts are where `truth` takes the mask."""
    rng = np.random.default_rng(seed)
    part = cv2.warpPerspective(mask.astype(np.float32), truth, SHAPE[::-1], flags=cv2.INTER_LINEAR)
    r, c = np.indices(SHAPE)
    light = 110 + 0.2 * c - 0.1 * r
    image = light * (1 + (0.25 if bright else -0.25) * cv2.GaussianBlur(part, (0, 0), 0.8))
    image = image + 8 * cv2.GaussianBlur(rng.standard_normal(SHAPE), (0, 0), 1) * 3
    image[rng.random(SHAPE) < 0.003] = 255
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def misplaced(matrix: npt.NDArray[np.float64], mask: Mask) -> float:
    """Greatest distance between where the matrix and where the truth take a pixel of the mask."""
    rows, columns = np.nonzero(mask)
    points = np.stack([columns, rows, np.ones_like(rows)]).astype(np.float64)
    return float(np.linalg.norm((matrix @ points - TRUTH @ points)[:2], axis=0).max())


@pytest.mark.parametrize("bright", [False, True])
def test_an_affine_error_is_found_to_a_fraction_of_a_pixel(bright: bool) -> None:
    """Whether the melt is darker or brighter than powder, masks come to lie where the parts are."""
    mask = nominal()
    assert misplaced(np.eye(3), mask) > 4
    found = register(photograph(mask, TRUTH, bright=bright), mask)
    assert found is not None
    assert found.bright is bright
    assert misplaced(found.matrix, mask) < 0.6
    assert found.after.spread < 0.7 < 1.5 < found.before.spread
    assert abs(found.after.bias) < 0.3


def test_a_residual_perspective_is_found_from_all_layers_together() -> None:
    """A picture that was not set quite upright bends masks by two pixels more than any affine transform does."""
    mask = nominal()
    bent = np.array([[1.03, 0.0, 1.0], [0.0, 1.03, -2.0], [2.0e-4, 1.0e-4, 1.0]])
    found = register_layers([(photograph(mask, bent, seed), mask) for seed in range(3)])
    assert found is not None
    rows, columns = np.nonzero(mask)
    points = np.stack([columns, rows, np.ones_like(rows)]).astype(np.float64)
    taken, true = (each[:2] / each[2] for each in (found.matrix @ points, bent @ points))
    assert np.linalg.norm(taken - true, axis=0).max() < 0.8
    assert found.matrix[2, 0] == pytest.approx(2.0e-4, abs=4e-5)


def test_walls_of_a_few_pixels_register() -> None:
    """In a coarse picture a part is nowhere thicker than the search is long; its own edges still tell where it is."""
    r, c = np.indices(SHAPE)
    mask = np.zeros(SHAPE, bool)
    for row, column in ((50, 60), (60, 190), (160, 70), (165, 200)):
        mask |= abs(np.hypot(r - row, c - column) - 36) <= 2.5
        mask |= (abs(r - row) <= 2) & (abs(c - column) <= 30)
    truth = np.array([[1.006, 0.002, 0.6], [-0.003, 0.995, -0.8], [0, 0, 1.0]])
    found = register_layers([(photograph(mask, truth, seed, bright=True), mask) for seed in range(5)], reach_px=4.0)
    assert found is not None
    points = np.stack([*np.nonzero(mask)[::-1], np.ones(np.count_nonzero(mask))])
    assert np.linalg.norm((found.matrix @ points - truth @ points)[:2], axis=0).max() < 0.15


def test_melt_that_is_smaller_than_its_slice_does_not_pull() -> None:
    """Parts shrunk by 2 px on every side register as well; the shrinkage is reported as the bias."""
    mask = nominal()
    shrunk = cv2.erode(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))) > 0
    found = register(photograph(shrunk, TRUTH), mask)
    assert found is not None
    assert misplaced(found.matrix, mask) < 1.0
    assert found.after.bias == pytest.approx(-2, abs=0.5)
    assert found.after.spread < 0.7 < found.after.mean


@pytest.mark.parametrize("away", [7, 9])
def test_a_trace_beside_the_parts_does_not_pull(away: int) -> None:
    """A dark line along a part's side, as a shadow leaves, is within reach at first, and is not its edge."""
    mask = nominal()
    part = cv2.warpPerspective(mask.astype(np.uint8), TRUTH, SHAPE[::-1])
    beside = abs(cv2.distanceTransform(1 - part, cv2.DIST_L2, 5) - away) < 1.6
    traced = beside & (np.indices(SHAPE)[1] % 130 > 95)
    image = np.where(traced, 0.62 * photograph(mask, TRUTH), photograph(mask, TRUTH)).astype(np.uint8)
    found = register(image, mask)
    assert found is not None
    assert misplaced(found.matrix, mask) < 0.6


def test_the_same_input_gives_the_same_bits() -> None:
    """Registration does not depend on chance."""
    mask = nominal()
    one, other = (register(photograph(mask, TRUTH), mask) for _ in range(2))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.matrix, other.matrix)


def test_a_segmentation_registers_as_an_image() -> None:
    """A mask that was segmented is an image of two values."""
    mask = nominal()
    segmented = cv2.warpPerspective(mask.astype(np.uint8) * 255, TRUTH, SHAPE[::-1])
    found = register(segmented, mask)
    assert found is not None
    assert misplaced(found.matrix, mask) < 0.4


def test_layers_share_one_transform() -> None:
    """Layers with a mask give one transform and the scatter of their own; one with an empty mask does not count."""
    mask = nominal()
    pairs = [(photograph(mask, TRUTH, seed), mask) for seed in range(4)]
    found = register_layers([*pairs, (pairs[0][0], np.zeros(SHAPE, np.bool_))])
    assert found is not None
    assert found.layers == 4
    assert 0 < found.scatter_px < 1
    assert misplaced(found.matrix, mask) < 0.8


@pytest.mark.parametrize("case", ["empty", "full", "flat", "noise", "grain"])
def test_what_cannot_be_told_is_none(case: str) -> None:
    """No outline, an even image, or an image of something else: None, so that the nominal place stays."""
    mask = nominal()
    image = photograph(mask, TRUTH)
    if case in ("empty", "full"):
        mask = np.full(SHAPE, case == "full")
    elif case == "flat":
        image = np.full(SHAPE, 100, np.uint8)
    else:
        noise = np.random.default_rng(2).standard_normal(SHAPE)
        blurred = cv2.GaussianBlur(noise, (0, 0), 4) * 12 if case == "grain" else noise
        image = np.clip(128 + 40 * blurred, 0, 255).astype(np.uint8)
    assert register(image, mask) is None


def test_contour_error_is_the_distance_to_the_edge() -> None:
    """A disc that is 2 px greater in the image than in the mask: 2 px outwards everywhere."""
    r, c = np.indices(SHAPE)
    distance = np.hypot(r - 110, c - 130)
    image = np.where(distance <= 52, 60, 140).astype(np.uint8)
    error = contour_error(image, np.asarray(distance <= 50), np.eye(3), bright=False, reach_px=8)
    assert error is not None
    assert error.mean == pytest.approx(2, abs=0.3)
    assert error.bias == pytest.approx(2, abs=0.3)
    assert contour_error(image, np.zeros(SHAPE, np.bool_), np.eye(3), bright=False, reach_px=8) is None
