"""Registration of nominal masks to layer images. Owns the transform and how good it is; refuses to know files.

A nominal mask's place in the image is known only as well as the corners that it was mapped by. What is left is small,
and the same for all layers of a build: an affine transform, or a projective one where all layers together show that the
picture of the plate was not quite set upright. First the enhanced correlation coefficient (Evangelidis &
Psarakis 2008, OpenCV's `findTransformECC`) of band-passed mask and image around the outlines is maximised, coarse to
fine; then the outlines are laid on the image's edges by robust least squares along their normals, by a wide search and
then by a narrow one. How much smaller or greater the melt is than its slice is an unknown of its own there, so that it
does not pull the place. Neither depends on brightness and contrast; both give the same bits for the same input.

No deformation map is added, such as is laid between two cameras. Parts do stand beside their slices each by its own
(0.2 px on eos-750, 0.8 px on slm-5472), but a map through the other parts does not tell a part's displacement, and
found on one half of an outline it brings the other half nearer to edges by 0.3 to 4 % only: that is no smooth
distortion of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image, Mask
from monitor.optics.outline import (
    ContourError,
    Matrix,
    Outline,
    Points,
    edge_distances,
    moved,
    smoothed,
    summary,
    trace,
)

Grey64 = npt.NDArray[np.float64]
Seen = tuple[Grey64, Outline | None]
"""A smoothed picture, and the outline of its mask where that has one."""

_SIGMA = 2.0
"""Finer width of the band-pass, in pixels of each level."""
_BAND = 3.0
"""Coarser width, in finer widths."""
_CLIP = 2.0
"""Specular points count no more than this many deviations."""
_CHANCE = 50.0
_LEAST_CORRELATION = 0.5
"""Grain alone can be made to correlate by up to 45 / √pixels near outlines; 0.5 is enough on the smallest picture."""
_SEARCH = 1.5
"""Edges are looked for a little beyond the reach: the melt may be smaller than its slice."""
_NEARER, _NEAREST_PX = 0.5, 3.0
"""Then once more within this share of it, but so many pixels: what is far from a laid outline is not its edge, and in a
coarse picture walls are a few pixels wide."""
_ROUNDS, _REWEIGHTED = 5, 8
_GAIN = 0.95
"""Share of the affine transform's error that a projective one must reach: it could always fit a little better. It was
0.9 until the second build of eos-750 was looked at (its five layers reach 0.94, ten 0.97): no independent choice."""
_HUBER = 1.345
"""Residuals beyond this many deviations count less (Huber 1964)."""
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)


@dataclass(frozen=True, slots=True)
class Registration:
    """Where nominal masks really are.

    Attributes:
        matrix: homography (3, 3), affine where that will do, from nominal to registered pixels (column, row).
        correlation: enhanced correlation coefficient at the end, in (0, 1], mean over the layers.
        bright: whether part is brighter than powder.
        before: contour error of the nominal masks over all layers, in pixels.
        after: contour error of the registered masks.
        layers: number of layers that it rests on.
        scatter_px: how far the layers' own transforms are from the common one at the parts, root mean square.
    """

    matrix: Matrix
    correlation: float
    bright: bool
    before: ContourError
    after: ContourError
    layers: int
    scatter_px: float


def register(image: Image, mask: Mask, *, reach_px: float = 8.0) -> Registration | None:
    """Register one nominal mask to a layer image, or to a segmentation (mask × 255).

    Args:
        image: uint8 (rows, columns).
        mask: bool (rows, columns) of the same grid, True where part should be.
        reach_px: how far the mask may be off, in pixels.

    Returns:
        None where it cannot be told: no outline, no correlation, a step beyond twice the reach, or no gain.
    """
    return register_layers([(image, mask)], reach_px=reach_px)


def register_layers(pairs: Sequence[tuple[Image, Mask]], *, reach_px: float = 8.0) -> Registration | None:
    """Register the masks of one build by one transform: the camera does not move between layers.

    The transform begins as the median of the layers' own affine ones, taken at the corners of the parts, and is then
    laid on the edges of all layers together; it is projective where that leaves a clearly smaller error. Arguments and
    None as in `register`, with None also where fewer than half of the layers can be registered.
    """
    pairs = [(image, mask) for image, mask in pairs if mask.any() and not mask.all()]
    search = _SEARCH * reach_px
    seen, near = (
        [(smoothed(image, width), trace(mask, width)) for image, mask in pairs]
        for width in (search, min(search, max(_NEARER * search, _NEAREST_PX)))
    )
    own = [
        (_laid_twice(coarse, fine, matrix, bright), correlation, bright)
        for (image, mask), coarse, fine in zip(pairs, seen, near, strict=True)
        if (coarse[1] or fine[1]) and (found := _align(image, mask, reach_px))
        for matrix, correlation, bright in (found,)
    ]
    if not own or 2 * len(own) < len(pairs):
        return None
    corners = _corners(np.logical_or.reduce([mask for _, mask in pairs]))
    taken = np.stack([moved(corners, matrix) for matrix, _, _ in own])
    common = np.median(taken, axis=0)
    if np.linalg.norm(common - corners, axis=1).max() > 2 * reach_px:
        return None
    matrix = np.eye(3)
    matrix[:2] = cv2.getAffineTransform(*(p[:3, ::-1].astype(np.float32) for p in (corners, common)))
    bright = 2 * sum(sign for _, _, sign in own) > len(own)
    matrix = _together(near, matrix, bright, corners, reach_px)
    judged = seen if any(outline for _, outline in seen) else near
    before, after = (_error(judged, m, bright) for m in (np.eye(3), matrix))
    if after.spread > before.spread:
        return None
    scatter = float(np.sqrt(np.mean(np.sum((taken - common) ** 2, axis=2))))
    correlation = float(np.mean([each for _, each, _ in own]))
    return Registration(matrix, correlation, bright, before, after, len(own), scatter)


def _together(seen: Sequence[Seen], matrix: Matrix, bright: bool, corners: Points, reach_px: float) -> Matrix:
    """A better transform by the edges of all layers, affine, or projective where that is clearly better; else this."""
    traced = [(grey, outline) for grey, outline in seen if outline]
    best = matrix
    for projective, gain in ((False, 1.0), (True, _GAIN)) if traced else ():
        laid = _laid(traced, best, bright, projective=projective)
        less = _error(traced, laid, bright).spread < gain * _error(traced, best, bright).spread
        if less and _apart(corners, matrix, laid) < reach_px:
            best = laid
    return best


def _apart(corners: Points, one: Matrix, other: Matrix) -> float:
    """Greatest distance between where two transforms take the corners, in pixels."""
    return float(np.linalg.norm(moved(corners, one) - moved(corners, other), axis=1).max())


def _error(seen: Sequence[Seen], matrix: Matrix, bright: bool) -> ContourError:
    """Contour error over the outlines of all layers."""
    each = [edge_distances(grey, outline, matrix, bright=bright) for grey, outline in seen if outline]
    return summary(np.concatenate(each))


def _laid_twice(coarse: Seen, fine: Seen, matrix: Matrix, bright: bool) -> Matrix:
    """Lay one layer's outline on its edges, first by a wide search, then by a narrow one."""
    for grey, outline in (coarse, fine):
        if outline:
            matrix = _laid([(grey, outline)], matrix, bright)
    return matrix


def _laid(seen: Sequence[tuple[Grey64, Outline]], matrix: Matrix, bright: bool, *, projective: bool = False) -> Matrix:
    """Lay outlines on the images' edges: iterated least squares of the edges' distances along the normals.

    Unknown are an affine step, or a projective one, and one common distance; edges at the end of the search are none.
    """
    size = np.array(seen[0][0].shape[::-1], np.float64) / 2  # places in units of half the image: well conditioned
    normals = np.concatenate([outline.normals[:, ::-1] for _, outline in seen]) * size
    to_unit = np.array([[1 / size[0], 0, -1.0], [0, 1 / size[1], -1.0], [0, 0, 1.0]])
    end = np.concatenate([np.full(len(outline.points), outline.offsets[-1] - 0.25) for _, outline in seen])
    for _ in range(_ROUNDS):
        distances = np.concatenate([edge_distances(grey, outline, matrix, bright=bright) for grey, outline in seen])
        places = np.concatenate([moved(outline.points, matrix)[:, ::-1] for _, outline in seen]) / size - 1.0
        terms = np.column_stack([places, np.ones(len(places))])
        # To first order, a projective step (g, h) takes a place p to p + p (g, h)·p.
        bent = places * np.sum(normals * places, axis=1, keepdims=True) if projective else places[:, :0]
        common = np.full((len(places), 1), np.mean(size))
        unknowns = np.column_stack([normals[:, :1] * terms, normals[:, 1:] * terms, common, bent])
        found = robust(unknowns, distances, np.abs(distances) < end)
        step = np.eye(3)
        step[:2] += found[:6].reshape(2, 3)
        step[2, :2] -= found[7:] if projective else 0.0
        matrix = np.linalg.inv(to_unit) @ step @ to_unit @ matrix
        matrix = matrix / matrix[2, 2]
    return np.asarray(matrix, np.float64)


def robust(unknowns: Grey64, values: Grey64, use: npt.NDArray[np.bool_]) -> Grey64:
    """Huber's regression (1964; shortest where it is not determined) of the values in use.

    Args:
        unknowns: float64 (N, K), what each unknown adds to each value.
        values: float64 (N,).
        use: bool (N,), which of them count at all.

    Returns:
        float64 (K,).
    """
    rows, wanted = unknowns[use], values[use]
    weight = np.ones(len(wanted))
    found: Grey64 = np.zeros(unknowns.shape[1])
    for _ in range(_REWEIGHTED):
        root = np.sqrt(weight)
        found = np.asarray(np.linalg.lstsq(rows * root[:, None], wanted * root, rcond=1e-6)[0], np.float64)
        residual = np.abs(wanted - rows @ found)
        limit = _HUBER * 1.4826 * float(np.median(residual)) if len(residual) else 0.0
        weight = np.minimum(1.0, max(limit, 1e-6) / np.maximum(residual, 1e-9))
    return found


def _align(image: Image, mask: Mask, reach_px: float) -> tuple[Matrix, float, bool] | None:
    grey, part = cv2.medianBlur(image, 5).astype(np.float32), mask.astype(np.float32)
    factor = 2 ** max(0, int(np.log2(max(reach_px, 1.0) / _SIGMA)))
    matrix, correlation, sign = np.eye(3), 0.0, 0.0
    while factor >= 1:
        edges, seen = _band_passed(_smaller(part, factor)), _clipped(_band_passed(_smaller(grey, factor)))
        near = _near_outline(_smaller(part, factor))
        sign = sign or _sign(edges, seen, near)
        scale = _to_level(factor)
        start = (scale @ matrix @ np.linalg.inv(scale))[:2].astype(np.float32)
        try:
            correlation, found = cv2.findTransformECC(
                (edges * np.float32(sign)), seen, start, cv2.MOTION_AFFINE, _STOP, near, 1
            )
        except cv2.error:  # OpenCV's way to say that the images do not correlate
            return None
        matrix = np.linalg.inv(scale) @ np.vstack([found, [0.0, 0.0, 1.0]]) @ scale
        factor //= 2
    if correlation < min(_LEAST_CORRELATION, _CHANCE / np.sqrt(np.count_nonzero(near))):
        return None
    return np.asarray(matrix, np.float64), float(correlation), sign > 0


def _smaller(image: npt.NDArray[np.float32], factor: int) -> npt.NDArray[np.float32]:
    rows, columns = (max(1, round(size / factor)) for size in image.shape)
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _to_level(factor: int) -> Matrix:
    """Homography from full pixels to those of a level that is `factor` times coarser."""
    shift = (1 / factor - 1) / 2
    return np.array([[1 / factor, 0, shift], [0, 1 / factor, shift], [0, 0, 1.0]])


def _band_passed(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    fine, coarse = (cv2.GaussianBlur(image, (0, 0), s, borderType=cv2.BORDER_REFLECT) for s in (_SIGMA, _SIGMA * _BAND))
    return np.asarray(fine - coarse, np.float32)


def _clipped(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    limit = np.float32(_CLIP) * image.std()
    return np.asarray(np.clip(image, -limit, limit), np.float32)


def _near_outline(part: npt.NDArray[np.float32]) -> Image:
    """Where the band-passed mask is not zero: uint8 (rows, columns)."""
    radius = int(_SIGMA * _BAND) + 2
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    solid = (part > 0.5).astype(np.uint8)
    return np.asarray(cv2.dilate(solid, disc) - cv2.erode(solid, disc), np.uint8)


def _sign(edges: npt.NDArray[np.float32], seen: npt.NDArray[np.float32], near: Image) -> float:
    return 1.0 if float(np.sum(edges * seen, where=near > 0)) >= 0 else -1.0


def _corners(mask: Mask) -> npt.NDArray[np.float64]:
    """Corners (row, column) of the box around all parts."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    ends = (rows[[0, -1]], columns[[0, -1]])
    return np.array([(r, c) for r in ends[0] for c in ends[1]], np.float64)
