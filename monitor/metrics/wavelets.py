"""Bump-steerable wavelets. Owns the filters of the texture metric; refuses to know images.

Zhang & Mallat, "Maximum entropy models from phase harmonic covariances", ACHA 53 (2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import factorial, log2, pi, sqrt

import numpy as np
import numpy.typing as npt

Spectrum = npt.NDArray[np.float64]

XI_0 = 0.85 * pi
"""Centre frequency of the finest wavelet, in radians per pixel."""
_RADIAL_GAIN = 1.29


@dataclass(frozen=True, slots=True)
class WaveletBank:
    """Filters for images of one shape, in the Fourier domain (numpy's order of frequencies).

    Attributes:
        psi: float64 (scales, angles, rows, columns), angles θ_q = πq / angles, q < angles. The other half-turn gives
            the complex conjugate on real images and is not stored.
        phi: float64 (rows, columns), the Gaussian low-pass at the coarsest scale.
    """

    psi: Spectrum
    phi: Spectrum

    @property
    def scales(self) -> int:
        """Number of scales J, from 1 pixel to 2^(J−1)."""
        return int(self.psi.shape[0])

    @property
    def angles(self) -> int:
        """Number of angles L in a half-turn."""
        return int(self.psi.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the images that it fits."""
        return int(self.phi.shape[0]), int(self.phi.shape[1])


@lru_cache(maxsize=4)
def wavelet_bank(shape: tuple[int, int], scales: int = 5, angles: int = 8) -> WaveletBank:
    """Make (or take from the cache) the filters for images of `shape` (rows, columns).

    Raises:
        ValueError: the image is too small for the coarsest scale: 2^(scales + 1) pixels are needed each way.
    """
    if min(shape) < 2 ** (scales + 1):
        fits = int(log2(min(shape))) - 1
        raise ValueError(f"an image of {shape} is too small for {scales} scales; at most {fits} fit")
    y, x = (np.asarray(2 * pi * np.fft.fftfreq(size), np.float64) for size in shape)
    psi = np.zeros((scales, angles, *shape))
    for dy in (-2 * pi, 0.0, 2 * pi):  # sampling in space is summing over 2π in frequency
        for dx in (-2 * pi, 0.0, 2 * pi):
            psi += _bump_steerable(y[:, None] + dy, x[None, :] + dx, scales, angles)
    sigma = 2 ** (scales - 1) / (0.702 * 2**-0.55 * sqrt(2) * XI_0)
    phi = np.exp(-0.5 * sigma**2 * (y[:, None] ** 2 + x[None, :] ** 2))
    psi.flags.writeable = phi.flags.writeable = False  # shared by every caller
    return WaveletBank(psi, phi)


def _bump_steerable(y: Spectrum, x: Spectrum, scales: int, angles: int) -> Spectrum:
    """The paper's Eq. 11 at frequencies (y, x), for all scales and angles of a half-turn."""
    radius, turn = np.hypot(x, y), np.arctan2(y, x)
    steps = np.arange(angles)[:, None, None]
    cosine = np.cos(turn - pi * steps / angles)
    steered = np.where(cosine > 0, cosine, 0.0) ** (angles - 1)
    gain = sqrt(angles * factorial(2 * angles - 2)) / (factorial(angles - 1) * 2 ** (angles - 1))
    t = 2.0 ** np.arange(scales)[:, None, None] * radius / XI_0 - 1
    inside = np.abs(t) < 1
    bump = np.where(inside, np.exp(1 - 1 / (1 - np.where(inside, t, 0.0) ** 2)), 0.0)
    out: Spectrum = bump[:, None] * steered[None] / (_RADIAL_GAIN * gain)
    return out
