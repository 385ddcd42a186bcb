"""Alignment of both cameras by their circular parts, on rings of the virtual printer whose places are known."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import Settings
from monitor.devices.simulated import SceneSpec, render_pair
from monitor.domain import CalibrationError, FloatImage, Image
from monitor.optics import Circle, align, align_edges, deformation_map, find_circles, match_circles, warp

SHAPE = (256, 256)
PLACES_MM = ((0.0, 0.0), (7.5, 0.0), (-7.5, 0.5), (3.7, 6.5), (-3.8, 6.5), (3.7, -6.6), (-3.7, -6.5))
CENTRES = np.array(PLACES_MM) * 10 + 127.5
RADII = (20.0, 34.0)


@cache
def pair() -> tuple[Image, Image]:
    """One layer of seven rings as webcam and Basler show it in the plate grid."""
    parts = [{"kind": "ring", "center_mm": place, "size_mm": [5.6, 5.6], "wall_mm": 1.0} for place in PLACES_MM]
    cameras = [
        {"name": "webcam", "role": "webcam", "shape": [300, 400]},
        {"name": "basler", "role": "basler", "shape": [900, 1200], "pixel_format": "Mono12"},
    ]
    plate = {"origin_mm": [-12.75, -12.75], "um_per_px": 100.0, "shape": SHAPE}
    simulation = {"layers": 2, "parts": parts}
    virtual = Settings.model_validate({"plate": plate, "cameras": cameras, "simulation": simulation})
    rendered = render_pair(SceneSpec.from_settings(virtual), 1)
    return rendered.lr, rendered.hr


def bend() -> FloatImage:
    """A smooth deformation of up to nine pixels."""
    rows, columns = np.indices(SHAPE, dtype=np.float32)
    across = 3 + 0.02 * (columns - 128) + 2 * np.sin(rows / 90)
    return np.stack([across, -4 + 0.015 * (rows - 128)], 2).astype(np.float32)


def inverse(deformation: FloatImage) -> FloatImage:
    """The deformation that undoes one, by fixed-point iteration."""
    rows, columns = np.indices(SHAPE, dtype=np.float32)
    back = np.zeros_like(deformation)
    for _ in range(30):
        places = (columns + back[..., 0], rows + back[..., 1])
        back = cv2.remap(deformation, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(back, np.float32)


def on_bed() -> npt.NDArray[np.bool_]:
    rows, columns = np.indices(SHAPE)
    return np.asarray(np.hypot(rows - 127.5, columns - 127.5) < 100)


@pytest.mark.parametrize("camera", [0, 1], ids=["webcam", "basler"])
def test_rings_are_found_where_they_are(camera: int) -> None:
    """At least six of seven rings, each to 0.8 px, and nothing else."""
    found = find_circles(pair()[camera], RADII)
    distance = np.linalg.norm(CENTRES[:, None] - [(c.column, c.row) for c in found], axis=2)
    assert len(found) >= 6
    assert distance.min(axis=0).max() < 0.8


def test_a_bent_image_is_straightened() -> None:
    """The map that comes out is the one that bent the image, to half a pixel over the bed; the residual says so."""
    webcam, high = pair()
    found = align(webcam, warp(high, -bend()), RADII)
    error = np.linalg.norm(found.deformation - inverse(bend()), axis=2)[on_bed()]
    assert found.before_px > 4
    assert error.mean() < 0.5
    assert found.residual_px is not None
    assert found.residual_px < 1.2
    wrong, right = (np.abs(image.astype(float) - high)[on_bed()].mean() for image in (warp(high, -bend()), found.image))
    assert right < 0.6 * wrong


@pytest.mark.parametrize("turn", [0.0, 0.01])
def test_what_has_no_circles_is_aligned_by_what_both_cameras_show(turn: float) -> None:
    """Shift and rotation between the cameras come out to half a pixel; the residual says so."""
    webcam, high = pair()
    truth = np.array([[np.cos(turn), -np.sin(turn), 5.0], [np.sin(turn), np.cos(turn), -3.0]])
    moved = np.asarray(cv2.warpAffine(high, truth, SHAPE, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    found = align_edges(webcam, moved)
    rows, columns = np.indices(SHAPE)
    expected = np.stack([columns, rows, np.ones(SHAPE)], 2) @ truth.T - np.stack([columns, rows], 2)
    error = np.linalg.norm(found.deformation - expected, axis=2)[on_bed()]
    assert error.mean() < 0.6
    assert found.before_px > 4
    assert found.residual_px is not None
    assert found.residual_px < 0.4
    with pytest.raises(CalibrationError, match="too little looks the same"):
        align_edges(webcam, np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8))


def test_no_common_part_is_an_error() -> None:
    """Powder alone cannot be aligned; the error says how many parts were seen."""
    powder = np.random.default_rng(0).integers(90, 120, SHAPE).astype(np.uint8)
    with pytest.raises(CalibrationError, match="of 0 and"):
        align(powder, pair()[1], RADII)
    with pytest.raises(ValueError, match="one grid"):
        align(powder[1:], pair()[1], RADII)


@settings(max_examples=20, deadline=None)
@given(shift=st.tuples(st.floats(-5, 5), st.floats(-5, 5)), count=st.integers(1, 7))
def test_a_common_shift_is_the_whole_map(shift: tuple[float, float], count: int) -> None:
    """Whatever the number of pairs, circles that all moved alike give that shift everywhere."""
    ours = [Circle(float(x), float(y), 25.0) for x, y in CENTRES[:count]]
    theirs = [Circle(c.column + shift[0], c.row + shift[1], c.radius) for c in ours]
    pairs = match_circles(ours, theirs[::-1], 12.0)
    assert len(pairs) == count
    np.testing.assert_allclose(deformation_map(pairs, (40, 60)), np.broadcast_to(shift, (40, 60, 2)), atol=1e-4)


def test_only_nearest_neighbours_in_reach_match() -> None:
    """A circle that the other image lacks stays alone."""
    ours = (Circle(10, 10, 9), Circle(60, 10, 9))
    assert match_circles(ours, (Circle(12, 11, 9), Circle(200, 200, 9)), 12.0) == ((ours[0], Circle(12, 11, 9)),)
    assert match_circles(ours, (), 12.0) == ()


def test_a_circle_has_a_box() -> None:
    """The box holds the circle and ends at the image."""
    assert Circle(20.0, 5.0, 8.0).box((40, 25)) == (slice(0, 14), slice(12, 25))


def test_radii_must_be_sensible() -> None:
    """Radii of a few pixels, or in falling order, are a mistake of the caller."""
    for radii in ((3.0, 9.0), (30.0, 20.0)):
        with pytest.raises(ValueError, match="radii"):
            find_circles(pair()[0], radii)
