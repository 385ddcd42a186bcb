"""What is measured of a picture against the true one. Owns which numbers; refuses to know what made the picture.

Pixel errors, the texture distance on patches of the whole plate, and powder alone: its spectrum, the grain's variance
and the grain's higher moments, which second-order spectra miss.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats

from monitor.metrics import (
    PATCH_PX,
    Texture,
    covariance_distance,
    image_quality,
    normalised_distance,
    patch_textures,
)

Grey = npt.NDArray[np.float32]
Window = tuple[slice, slice]
POWDER_PX = 64
POWDER_MOST = 4
"""Powder is measured on up to so many patches of this edge."""
NCVD_PX = PATCH_PX
_GRAIN_PX = 3.0
"""Grain is what remains beside a Gaussian of this σ: light changes more slowly."""


def numbers(image: Grey, hr: Grey, known: Sequence[Texture], windows: Sequence[Window]) -> dict[str, float]:
    """All numbers of a picture, (rows, columns) in [0, 1].

    Args:
        image: the picture.
        hr: the true one.
        known: HR's `patch_textures`.
        windows: where there is powder alone; without any, its numbers are left out.

    Returns:
        mae, psnr, ssim (data range 1); cvd and ncvd, means over patches; on powder the log-spectral distance in dB,
        the grain's variance as a multiple of HR's, and how far its skewness and excess kurtosis are from HR's.
    """
    quality = image_quality(image, hr)
    out = {"mae": quality.mae, "ssim": quality.ssim}
    if quality.psnr is not None:
        out["psnr"] = quality.psnr
    pairs = list(zip(patch_textures(image), known, strict=True))
    distances = [d for d in (normalised_distance(*pair) for pair in pairs) if d is not None]
    if distances:
        out["ncvd"] = float(np.mean(distances))
        out["cvd"] = float(np.mean([covariance_distance(*pair) for pair in pairs]))
    return out | powder_numbers(image, hr, windows)


def powder_numbers(image: Grey, hr: Grey, windows: Sequence[Window]) -> dict[str, float]:
    """The numbers of powder alone; none without any."""
    if not windows:
        return {}
    ours, theirs = ([_spectrum(x[window]) for window in windows] for x in (image, hr))
    made, true = (np.concatenate([_grain(x)[window].ravel() for window in windows]) for x in (image, hr))
    return {
        "powder_db": _decibels(np.mean(ours, axis=0), np.mean(theirs, axis=0)),
        "powder_grain": float(_energy(np.mean(ours, axis=0)) / max(_energy(np.mean(theirs, axis=0)), 1e-9)),
        "powder_skew": abs(_moment(stats.skew(made)) - _moment(stats.skew(true))),
        "powder_kurtosis": abs(_moment(stats.kurtosis(made)) - _moment(stats.kurtosis(true))),
    }


def powder_windows(mask: npt.NDArray[np.bool_]) -> list[Window]:
    """Squares without metal, nearest to the plate's middle first (corners may lie beyond the bed), not overlapping."""
    n, (rows, cols) = POWDER_PX, mask.shape
    free = sorted(
        (abs(top + n / 2 - rows / 2) + abs(left + n / 2 - cols / 2), top, left)
        for top in range(0, rows - n + 1, n // 4)
        for left in range(0, cols - n + 1, n // 4)
        if not mask[top : top + n, left : left + n].any()
    )
    taken: list[tuple[int, int]] = []
    for _, top, left in free:
        if len(taken) < POWDER_MOST and all(max(abs(top - t), abs(left - x)) >= n for t, x in taken):
            taken.append((top, left))
    return [(slice(top, top + n), slice(left, left + n)) for top, left in taken]


def spectral_distance_db(image: Grey, target: Grey) -> float:
    """Root mean square difference of the radial log power spectra, in dB, of a square patch."""
    return _decibels(_spectrum(image), _spectrum(target))


def mean_numbers(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over plates of what is defined, and the number of plates."""
    names = sorted({name for row in rows for name in row})
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names} | {
        "plates": float(len(rows))
    }


def _decibels(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((10 * np.log10((ours + 1e-9) / (theirs + 1e-9))) ** 2)))


def _energy(spectrum: npt.NDArray[np.float64]) -> float:
    """Variance above a quarter of the Nyquist frequency (the light's slow changes are not grain)."""
    return float(spectrum[len(spectrum) // 4 :].mean())


def _grain(image: Grey) -> Grey:
    return image - ndimage.gaussian_filter(image, _GRAIN_PX, mode="nearest")


def _moment(value: float) -> float:
    """A flat patch has none: 0."""
    return float(value) if np.isfinite(value) else 0.0


def _spectrum(image: Grey) -> npt.NDArray[np.float64]:
    n = min(image.shape)
    square = image[:n, :n].astype(np.float64)
    window = np.hanning(n)[:, None] * np.hanning(n)[None, :]
    power = np.abs(np.fft.fft2((square - square.mean()) * window)) ** 2 / np.square(window).sum()
    frequency = np.fft.fftfreq(n)
    ring = np.rint(np.hypot(frequency[:, None], frequency[None, :]) * n).astype(int)
    sums = np.bincount(ring.ravel(), power.ravel(), minlength=n)
    return np.asarray(sums[1 : n // 2] / np.bincount(ring.ravel(), minlength=n)[1 : n // 2])
