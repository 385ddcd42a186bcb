"""Query points: where they lie, and that chance comes from the given generator alone."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.segment import FOREGROUND, PAD, Initial, query_points


def initial_of(seed: int, shape: tuple[int, int] = (60, 80)) -> Initial:
    """A random mask of blobs with the components of its dilation."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random(shape), (0, 0), 3)
    mask = noise > np.quantile(noise, 0.8)
    joined = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    return Initial(mask, np.asarray(labels, np.int32), count - 1, -1)


def places(points: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Row and column indices of points (column, row)."""
    return points[:, 1].astype(int), points[:, 0].astype(int)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_every_point_lies_in_its_component(seed: int, count: int) -> None:
    """All points of a prompt are inside its component; all but the peak are on the initial mask, none twice."""
    initial = initial_of(seed)
    prompts = query_points(initial, count, np.random.default_rng(seed))
    assert prompts.points.shape == (initial.count, count, 2)
    for index in range(initial.count):
        chosen = prompts.points[index][prompts.labels[index] == FOREGROUND]
        assert (initial.labels[places(chosen)] == index + 1).all()
        assert initial.mask[places(chosen[1:])].all()
        assert len(np.unique(chosen, axis=0)) == len(chosen)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_first_point_is_the_peak_of_the_distance_transform(seed: int) -> None:
    """No pixel of a component is further from its outside than the first point; the image's border is outside."""
    initial = initial_of(seed)
    prompts = query_points(initial, 1, np.random.default_rng(0))
    for index in range(initial.count):
        component = np.pad(initial.labels == index + 1, 1).astype(np.uint8)
        depth = cv2.distanceTransform(component, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
        assert np.isclose(depth[places(prompts.points[index])], depth.max())


def test_the_same_generator_gives_the_same_points() -> None:
    """Points depend on the seed and on nothing else."""
    initial = initial_of(3)
    first, again, other = (query_points(initial, 4, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.points, again.points)
    assert not np.array_equal(first.points, other.points)


def test_a_component_with_fewer_pixels_than_points_is_padded() -> None:
    """A component of two pixels has two points, the others are marked as padding and are not shown."""
    mask = np.zeros((9, 9), bool)
    mask[4, 4:6] = True
    prompts = query_points(Initial(mask, mask.astype(np.int32), 1, 1), 5, np.random.default_rng(0))
    assert prompts.labels.tolist() == [[FOREGROUND, FOREGROUND, PAD, PAD, PAD]]
    assert prompts.asked.tolist() in ([[4, 4], [5, 4]], [[5, 4], [4, 4]])


def test_no_component_gives_no_prompts() -> None:
    """Powder alone asks nothing."""
    nothing = np.zeros((8, 8), bool)
    prompts = query_points(Initial(nothing, nothing.astype(np.int32), 0, 0), 4, np.random.default_rng(0))
    assert prompts.points.shape == (0, 4, 2)
    assert prompts.asked.shape == (0, 2)
