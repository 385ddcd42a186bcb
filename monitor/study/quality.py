"""How near pictures are to HR, patch by patch. Owns which patches and which numbers; refuses to know the methods."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from monitor.domain import Image, Mask
from monitor.metrics import (
    Texture,
    covariance_distance,
    image_quality,
    normalised_distance,
    texture_moments,
    wavelet_bank,
)
from monitor.study.cache import digest_of_arrays
from monitor.study.data import LayerPair
from monitor.study.desk import Desk
from monitor.study.findings import Cell, mean_of, spread
from monitor.study.methods import Method
from monitor.study.paper import Row

PATCH_PX = 64
Corner = tuple[int, int]
Numbers = dict[str, list[float | None]]
"""Per patch: mae, psnr, paper_like_psnr, ssim, cvd, ncvd."""
COLUMNS = ("MAE", "PSNR, dB (peak 1)", "PSNR, dB (paper-like)", "SSIM", "CVD", "nCVD")
KEYS = ("mae", "psnr", "paper_like_psnr", "ssim", "cvd", "ncvd")
SHOWN = {"MAE": "mae", "PSNR, dB (peak 1)": "psnr", "SSIM": "ssim", "nCVD": "ncvd"}
"""What figures show of them, by the axis' label."""
Curves = dict[str, dict[int, dict[str, float]]]
"""Means by the line's name and by what is varied."""
NOTE = (
    'Grey values in [0, 1]; mean ± standard deviation over patches. PSNR with peak 1, and "paper-like" with the HR '
    "patch's own range as peak, which fits the paper's numbers best: they stand there. SSIM: Gaussian window of σ = "
    "1.5. CVD: 4465 wavelet phase-harmonic covariances (5 "
    "scales, 8 angles) on the patch's own pixels, not enlarged. nCVD: covariances about HR's means in units of HR's "
    "deviations, divided by HR's norm; the paper defines neither its nCVD nor its enlargement to 512 × 512, so its CVD "
    "and nCVD compare in order, not in value."
)


def random_corners(pair: LayerPair, count: int, seed: int) -> list[Corner]:
    """Corners (top, left) of random patches of a layer, as in the paper; the same for every method."""
    rng = np.random.default_rng([seed, pair.layer, 11])
    rows, cols = (length - PATCH_PX + 1 for length in pair.hr.shape)
    return [(int(rng.integers(rows)), int(rng.integers(cols))) for _ in range(count)]


def powder_corners(mask: Mask, count: int, seed: int) -> list[Corner]:
    """Corners of at most `count` patches without any metal, on a lattice of 16 pixels, chosen at random."""
    rows, cols = (range(0, length - PATCH_PX + 1, 16) for length in mask.shape)
    free = [(r, c) for r in rows for c in cols if not mask[r : r + PATCH_PX, c : c + PATCH_PX].any()]
    order = np.random.default_rng([seed, 13]).permutation(len(free))[:count]
    return [free[k] for k in sorted(order.tolist())]


def cut(image: Image, corner: Corner) -> Image:
    """The patch at a corner."""
    return image[corner[0] : corner[0] + PATCH_PX, corner[1] : corner[1] + PATCH_PX]


def place(corner: Corner) -> str:
    """A corner, for the row of a figure: in pixels of the layer."""
    return f"row {corner[0]}\ncolumn {corner[1]}"


def patch_numbers(desk: Desk, method: Method, pair: LayerPair, corners: Sequence[Corner]) -> Numbers:
    """The numbers of a method on patches of a layer, computed once."""
    return compared(desk, desk.picture(method, pair, desk.plan.seed), pair.hr, corners)


def compared(desk: Desk, image: Image, hr: Image, corners: Sequence[Corner]) -> Numbers:
    """The numbers of a picture against HR on patches, computed once."""
    key = {"what": "patches", "picture": digest_of_arrays(image, hr), "at": [list(c) for c in corners]}
    found: Numbers = desk.cache.numbers(key, lambda: _numbers(image, hr, corners))
    return found


def measured(desk: Desk, method: Method, layers: Sequence[LayerPair]) -> Numbers:
    """The numbers of a method on the plan's random patches of layers, at most as many layers as the plan looks at."""
    some = layers[: desk.plan.sweep.test_layers]
    return measured_images(desk, [desk.picture(method, pair, desk.plan.seed) for pair in some], some)


def measured_images(desk: Desk, images: Sequence[Image], layers: Sequence[LayerPair]) -> Numbers:
    """The same for pictures that are at hand, one a layer."""
    count, seed = desk.plan.patch.per_layer, desk.plan.seed
    both = zip(images, layers, strict=True)
    return joined([compared(desk, image, pair.hr, random_corners(pair, count, seed)) for image, pair in both])


def joined(parts: Sequence[Numbers]) -> Numbers:
    """Patches of several layers as one list."""
    return {key: [value for part in parts for value in part[key]] for key in KEYS}


def cells(numbers: Numbers) -> list[Cell]:
    """Mean and standard deviation of every number, in the order of `COLUMNS`."""
    return [spread(numbers[key]) for key in KEYS]


def paper_row(label: str, row: Row, keys: tuple[str, ...]) -> tuple[Cell, ...]:
    """A row of the paper under our columns; empty where it has no such number. Its PSNR is of its own convention."""
    under = {"paper_like_psnr": row.get("psnr"), **{key: value for key, value in row.items() if key != "psnr"}}
    values = [under.get(key) for key in keys]
    return (label, *(v if v is None else v.value if v.std is None else (v.value, v.std) for v in values))


def means(numbers: Numbers) -> dict[str, float]:
    """The mean of every number that is defined anywhere."""
    found = {key: mean_of(numbers[key]) for key in KEYS}
    return {key: value for key, value in found.items() if value is not None}


def panels(curves: Curves) -> dict[str, dict[str, tuple[list[float], list[float]]]]:
    """Lines (x, y) by name, for each of `SHOWN`."""
    return {
        label: {
            name: ([float(x) for x, v in at.items() if key in v], [v[key] for v in at.values() if key in v])
            for name, at in curves.items()
        }
        for label, key in SHOWN.items()
    }


def _numbers(image: Image, hr: Image, corners: Sequence[Corner]) -> Numbers:
    out: Numbers = {key: [] for key in KEYS}
    bank = wavelet_bank((PATCH_PX, PATCH_PX))
    for corner in corners:
        ours, theirs = cut(image, corner), cut(hr, corner)
        quality = image_quality(ours, theirs)
        texture = _distances(texture_moments(ours, bank), _reference_moments(theirs.tobytes(), theirs.shape))
        row = (quality.mae, quality.psnr, quality.paper_like_psnr, quality.ssim, *texture)
        for key, value in zip(KEYS, row, strict=True):
            out[key].append(value)
    return out


@lru_cache(maxsize=2048)
def _reference_moments(patch: bytes, shape: tuple[int, int]) -> Texture:
    """Of an HR patch, to which many methods are held; 40 kB each."""
    return texture_moments(np.frombuffer(patch, np.uint8).reshape(shape), wavelet_bank(shape))


def _distances(ours: Texture, theirs: Texture) -> tuple[float, float | None]:
    return covariance_distance(ours, theirs), normalised_distance(ours, theirs)
