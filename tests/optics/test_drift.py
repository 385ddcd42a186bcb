"""Drift of a camera and of its light, on layers of the virtual printer that are all new but for what lies around."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from monitor.config import Settings
from monitor.devices.simulated import SceneSpec, render_camera
from monitor.domain import Calibration, PlateGrid
from monitor.optics import Anchor, Drift, measure_drift, rectify, relit

SHAPE = (540, 720)
GRID = PlateGrid((-25.55, -25.55), 100.0, (512, 512))
Moved = tuple[tuple[float, float, float], tuple[float, float, float]]
STILL: Moved = ((1, 0, 0), (0, 1, 0))


@cache
def scene() -> SceneSpec:
    cameras = [
        {"name": "webcam", "role": "webcam", "shape": SHAPE},
        {"name": "basler", "role": "basler", "shape": (600, 800), "pixel_format": "Mono8"},
    ]
    plate = {"origin_mm": GRID.origin_mm, "um_per_px": GRID.um_per_px, "shape": GRID.shape}
    return SceneSpec.from_settings(
        Settings.model_validate({"plate": plate, "cameras": cameras, "simulation": {"layers": 60}})
    )


@cache
def picture(index: int, moved: Moved = STILL) -> np.ndarray:
    """A layer as the webcam shows it once its picture was moved by an affine map."""
    webcam, basler = scene().cameras
    matrix = np.vstack([moved, [0, 0, 1]]) @ webcam.calibration.matrix
    elsewhere = replace(webcam, plate_to_image=Calibration.from_matrix(matrix, SHAPE, "").plate_to_image)
    return render_camera(replace(scene(), cameras=(elsewhere, basler)), index, "webcam")


def drift(image: np.ndarray) -> Drift:
    """Against the first layer."""
    found = measure_drift(Anchor.of(picture(0)), Anchor.of(image))
    assert found is not None
    return found


def corners() -> np.ndarray:
    return np.array([[90, 0], [629, 0], [90, 539], [629, 539], [359.5, 269.5]], np.float64)


def misplaced(found: Drift, moved: Moved) -> float:
    """Greatest distance on the plate between where the drift and the truth take a place, in pixels."""
    matrix = np.asarray(moved)
    truth = corners() @ matrix[:, :2].T + matrix[:, 2]
    return float(np.linalg.norm(corners() @ found.matrix[:2, :2].T + found.matrix[:2, 2] - truth, axis=1).max())


@pytest.mark.parametrize("index", [1, 59])
def test_a_calm_camera_stands_still(index: int) -> None:
    """New powder and new melt in every layer, parts that grow: less than one pixel, and 2 % of light."""
    found = drift(picture(index))
    assert found.moved_px(corners()) < 1.0
    assert found.light < 0.02


@pytest.mark.parametrize(
    "moved",
    [
        ((1, 0, 5), (0, 1, 0)),
        ((1, 0, -3), (0, 1, 4)),
        ((1.002, -0.003, 2), (0.003, 1.002, 1)),
        ((1, 0, 30), (0, 1, -18)),
    ],
    ids=["5 px", "-3, 4 px", "turned and nearer", "far"],
)
def test_a_knock_is_measured_at_the_next_layer(moved: Moved) -> None:
    """Shift, rotation and scale, right to 0.8 px anywhere on the plate."""
    found = drift(picture(8, moved))
    assert misplaced(found, moved) < 0.8
    assert found.moved_px(corners()) > 4


def test_a_knocked_picture_is_rectified_as_if_nothing_had_happened() -> None:
    """Moved back by what was found, what lies around the powder lies where it lay."""
    moved = ((1.0, 0.0, 6.0), (0.0, 1.0, -4.0))
    calibration = scene().camera("webcam").calibration
    still, knocked = picture(8), picture(8, moved)
    right = rectify(still, calibration, GRID).astype(float)
    back = rectify(knocked, calibration, GRID, moved=drift(knocked).matrix).astype(float)
    wrong = rectify(knocked, calibration, GRID).astype(float)
    assert np.abs(back - right).mean() < 0.6 * np.abs(wrong - right).mean()


def test_fading_light_is_told_and_taken_back() -> None:
    """A fifth darker, with a gradient across: measured to 2 %, and undone in the plate grid."""
    across = 1 + 0.1 * (np.arange(SHAPE[1]) / (SHAPE[1] - 1) - 0.5)
    dim = np.clip(picture(9) * 0.8 * across[None, :, None], 0, 255).astype(np.uint8)
    found = drift(dim)
    assert found.brightness == pytest.approx(0.8, abs=0.02)
    assert found.gradient[0] == pytest.approx(0.1, abs=0.03)
    assert found.moved_px(corners()) < 1.0
    calibration = scene().camera("webcam").calibration
    usual, dark = (rectify(image, calibration, GRID) for image in (picture(9), dim))
    again = relit(dark, found, calibration, GRID)
    assert np.abs(again.astype(float) - usual).mean() < 0.25 * np.abs(dark.astype(float) - usual).mean()


@pytest.mark.parametrize("case", ["black", "noise", "another view"])
def test_what_cannot_be_told_is_none(case: str) -> None:
    """A covered lens, noise, or another view is no drift of so and so many pixels."""
    image = np.zeros((*SHAPE, 3), np.uint8)
    if case != "black":
        image = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)
    if case == "another view":
        image = cv2.GaussianBlur(image, (0, 0), 6) * 3
    assert measure_drift(Anchor.of(picture(0)), Anchor.of(image.astype(np.uint8))) is None


def test_bits_and_colour_do_not_matter() -> None:
    """The same picture in 12 bits and grey has not moved, and its light is the same to 1 %."""
    grey = cv2.cvtColor(picture(0), cv2.COLOR_RGB2GRAY).astype(np.uint16) * 16
    found = measure_drift(Anchor.of(picture(0)), Anchor.of(grey, bits=12))
    assert found is not None
    assert found.moved_px(corners()) < 0.05
    assert found.light < 0.01
    with pytest.raises(ValueError, match="one size"):
        measure_drift(Anchor.of(picture(0)), Anchor.of(picture(0)[:-2]))
