"""Parts are the connected components of the volume."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from monitor.domain import Mask
from monitor.volume import cut, find_parts, labelled


def empty() -> Mask:
    return np.zeros((12, 16), np.bool_)


def with_box(mask: Mask, top: int, left: int, size: int) -> Mask:
    mask[top : top + size, left : left + size] = True
    return mask


def test_two_columns_are_two_parts_largest_first() -> None:
    """Each has its own slices, size and place."""
    mask = with_box(with_box(empty(), 1, 1, 3), 5, 9, 5)
    parts, left_out = find_parts((index, mask) for index in range(4))
    assert [(part.id, part.voxels, part.box) for part in parts] == [(1, 100, (5, 9, 10, 14)), (2, 36, (1, 1, 4, 4))]
    assert parts[0].centre == (7.0, 11.0)
    assert [one.index for one in parts[1].slices] == [0, 1, 2, 3]
    assert left_out == 0


def test_a_bridge_makes_one_part_of_two() -> None:
    """A layer that overlaps both joins them, in the layers below it too."""
    two = with_box(with_box(empty(), 1, 1, 3), 1, 9, 3)
    bridge = two.copy()
    bridge[2, 3:10] = True
    parts, _ = find_parts([(0, two), (1, bridge)])
    assert len(parts) == 1
    assert [one.pixels for one in parts[0].slices] == [18, 18 + 5]
    assert len(parts[0].slices[0].labels) == 2


def test_a_missing_layer_does_not_cut_a_part_in_two() -> None:
    """What is below it and what is above it is joined across the gap."""
    mask = with_box(empty(), 2, 2, 4)
    parts, _ = find_parts([(0, mask), (1, None), (2, mask)])
    assert [one.index for one in parts[0].slices] == [0, 2]


def test_specks_are_counted_but_are_no_parts() -> None:
    """Too small or in too few layers: left out, and said to be."""
    column, speck = with_box(empty(), 2, 2, 4), with_box(empty(), 8, 12, 1)
    parts, left_out = find_parts([(0, column), (1, column | speck), (2, column)], least_voxels=4, least_layers=2)
    assert len(parts) == 1
    assert left_out == 1


def test_cut_gives_the_parts_own_pixels() -> None:
    """A neighbour inside the box is not among them."""
    ring = with_box(empty(), 1, 1, 9)
    ring[3:8, 3:8] = False
    core = with_box(empty(), 5, 5, 1)
    parts, _ = find_parts([(0, ring | core)])
    np.testing.assert_array_equal(cut(labelled(ring | core), parts[0].slices[0]), ring[1:10, 1:10])


@given(st.integers(0, 2**32 - 1))
def test_layer_by_layer_finds_what_labelling_the_whole_volume_finds(seed: int) -> None:
    """The same sizes as scipy's labels with neighbours in the plane and straight above."""
    volume = np.random.default_rng(seed).random((5, 7, 8)) < 0.35
    structure = np.zeros((3, 3, 3), np.bool_)
    structure[1] = True
    structure[:, 1, 1] = True
    labels, _ = ndimage.label(volume, structure)
    parts, _ = find_parts(enumerate(volume))
    assert [part.voxels for part in parts] == sorted(np.bincount(labels.ravel())[1:].tolist(), reverse=True)
