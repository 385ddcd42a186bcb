"""Parts told apart: connected components of the part volume. Pure; refuses to know files and what a part is for.

Layers are labelled one by one (8-neighbours) and joined upwards where they overlap, so that the volume is never held
whole. A layer that is not known joins what is below it to what is above it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Mask

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PartSlice:
    """One part in one layer.

    Attributes:
        index: the layer.
        pixels: area, in pixels.
        box: (top, left, bottom, right) of its pixels, the last two exclusive.
        centre: (row, column) of its centre of area, in pixels.
        labels: its components among the layer's, for `cut`.
    """

    index: int
    pixels: int
    box: tuple[int, int, int, int]
    centre: tuple[float, float]
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One connected component of the volume.

    Attributes:
        id: from 1, the largest first; equal ones by their place.
        slices: the layers it is in, ascending.
    """

    id: int
    slices: tuple[PartSlice, ...]

    @property
    def voxels(self) -> int:
        """Its size, in voxels."""
        return sum(one.pixels for one in self.slices)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) over all layers, the last two exclusive."""
        tops, lefts, bottoms, rights = zip(*(one.box for one in self.slices), strict=True)
        return min(tops), min(lefts), max(bottoms), max(rights)

    @property
    def centre(self) -> tuple[float, float]:
        """(row, column) of its centre of volume, in pixels."""
        rows, columns = (sum(one.pixels * one.centre[axis] for one in self.slices) for axis in (0, 1))
        return rows / self.voxels, columns / self.voxels


class PartFinder:
    """Joins layers to parts as they come.

    A context for one pass: `add` every layer in order, then ask for `parts`.
    """

    def __init__(self) -> None:
        self._below: Labels | None = None
        self._first = 0
        self._parents: list[int] = []
        self._slices: list[PartSlice] = []

    def add(self, index: int, mask: Mask | None) -> None:
        """Add the next layer: bool (rows, columns), or None where it is not known."""
        if mask is None:
            return
        count, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        first = len(self._slices)
        for label in range(1, count):
            left, top, width, height, pixels = (int(value) for value in stats[label])
            box, (column, row) = (top, left, top + height, left + width), centres[label]
            self._slices.append(PartSlice(index, pixels, box, (float(row), float(column)), (label,)))
            self._parents.append(len(self._parents))
        self._join(np.asarray(labels, np.int32), first)

    def parts(self, least_voxels: int = 1, least_layers: int = 1) -> tuple[tuple[Part, ...], int]:
        """The parts found so far, and how many smaller pieces were left out of them."""
        pieces: dict[int, list[PartSlice]] = defaultdict(list)
        for node, one in enumerate(self._slices):
            pieces[self._root(node)].append(one)
        whole = [_merged(slices) for slices in pieces.values()]
        kept = [s for s in whole if len(s) >= least_layers and sum(one.pixels for one in s) >= least_voxels]
        kept.sort(key=lambda slices: (-sum(one.pixels for one in slices), slices[0].box))
        return tuple(Part(number, slices) for number, slices in enumerate(kept, start=1)), len(whole) - len(kept)

    def _join(self, labels: Labels, first: int) -> None:
        if self._below is not None:
            both = (self._below > 0) & (labels > 0)
            many = int(labels.max()) + 1
            for pair in np.unique(self._below[both].astype(np.int64) * many + labels[both]).tolist():
                below, here = divmod(pair, many)
                self._parents[self._root(first + here - 1)] = self._root(self._first + below - 1)
        self._below, self._first = labels, first

    def _root(self, node: int) -> int:
        while self._parents[node] != node:
            self._parents[node] = self._parents[self._parents[node]]
            node = self._parents[node]
        return node


def find_parts(
    layers: Iterable[tuple[int, Mask | None]], least_voxels: int = 1, least_layers: int = 1
) -> tuple[tuple[Part, ...], int]:
    """The connected components of a stack of masks.

    Args:
        layers: index and mask of each layer, ascending; bool (rows, columns), None where it is not known.
        least_voxels: smaller components are no parts.
        least_layers: nor are those in fewer layers.

    Returns:
        The parts, largest first, and how many smaller pieces were left out.
    """
    finder = PartFinder()
    for index, mask in layers:
        finder.add(index, mask)
    return finder.parts(least_voxels, least_layers)


def labelled(mask: Mask) -> Labels:
    """The components of a layer: int32 (rows, columns), 0 where there is no metal; the same labels as in the slices."""
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], np.int32)


def cut(labels: Labels, one: PartSlice) -> Mask:
    """One part's pixels of a layer, cut to its box: bool.

    Args:
        labels: of the layer, from `labelled`.
        one: the part's slice of the same layer.
    """
    top, left, bottom, right = one.box
    return np.isin(labels[top:bottom, left:right], one.labels)


def _merged(slices: list[PartSlice]) -> tuple[PartSlice, ...]:
    """One slice a layer, of all the components that are the same part there."""
    layers: dict[int, list[PartSlice]] = defaultdict(list)
    for one in slices:
        layers[one.index].append(one)
    return tuple(_union(layers[index]) for index in sorted(layers))


def _union(pieces: list[PartSlice]) -> PartSlice:
    pixels = sum(one.pixels for one in pieces)
    tops, lefts, bottoms, rights = zip(*(one.box for one in pieces), strict=True)
    row, column = (sum(one.pixels * one.centre[axis] for one in pieces) / pixels for axis in (0, 1))
    labels = tuple(sorted(label for one in pieces for label in one.labels))
    return PartSlice(pieces[0].index, pixels, (min(tops), min(lefts), max(bottoms), max(rights)), (row, column), labels)
