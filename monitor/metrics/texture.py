"""How alike two textures are, wherever their grains lie: the wavelet phase-harmonic covariance distance (CVD).

Owns the moments and the two distances. Patches are compared on their own pixels, without interpolation (the paper
enlarges them to 512 × 512, and how one does that changes the number by a factor of ten); borders wrap.

With z = x ∗ ψ_{j,q} and its phase harmonics [z]^k = |z| exp(i k arg z), the moments are covariances
K(v, v′) = mean (R_v − m_v)(R_v′ − m_v′)* of R = ĥ(k) [z]^k: at one scale (k, k′) = (1, 0), (1, 1), (0, 0), to the next
coarser scale (0, 0), (0, 1), (0, 2), (1, 2), over a full turn of angles not more than a quarter turn apart, and the
variance of x ∗ φ. At 5 scales and 8 angles they are 4465.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import pi
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import fft

from monitor.metrics.image import GreyImage, grey
from monitor.metrics.wavelets import WaveletBank, wavelet_bank

Complex = npt.NDArray[np.complex128]
Real = npt.NDArray[np.float64]
Weights = Literal["rectifier", "one"]

PATCH_PX = 128
"""Edge of the patches of which a whole picture's texture is told."""
_SAME = ((1, 0), (1, 1), (0, 0))
_NEXT = ((0, 0), (0, 1), (0, 2), (1, 2))
_HARMONICS = 3
_ROW = (0, 1, 3)
"""Where the real part of each harmonic is among the five rows of an angle."""
_RECTIFIER = (1 / pi, 1 / 4, 1 / (3 * pi))
"""ĥ(0), ĥ(1), ĥ(2) of h(φ) = max(cos φ, 0) (Eq. 13)."""
_FLAT = 1e-10
"""A channel whose deviation is below this share of the image's is rounding, not texture."""


@dataclass(frozen=True, slots=True)
class Texture:
    """The moments of one image, with every ĥ = 1.

    Attributes:
        mean: complex128 (scales, 3, 2 · angles), mean of [z]^k, k = 0, 1, 2.
        std: float64, same shape: its standard deviation.
        covariance: complex128 (P,), about the own means, half of the moments: the others are their conjugates.
        low_mean: mean of x ∗ φ.
        low_variance: its variance.
        flat: whether a channel does not vary at all, so that nothing can be standardised by it.
    """

    mean: Complex
    std: npt.NDArray[np.float64]
    covariance: Complex
    low_mean: float
    low_variance: float
    flat: bool


def cvd(image: GreyImage, reference: GreyImage, *, scales: int = 5, weights: Weights = "rectifier") -> float:
    """Covariance distance ‖K_reference − K_image‖₂ (Eq. 8), each about its own means; symmetric, ≥ 0.

    Args:
        image: (rows, columns), uint8 or floats (in [0, 1] to compare with others' numbers); at least 2^(scales + 1)
            pixels each way.
        reference: of the same shape.
        scales: number of scales, from 1 pixel to 2^(scales − 1).
        weights: "rectifier" is the paper's ĥ(k); "one" leaves the harmonics as they are.

    Raises:
        ValueError: shapes differ, are too small, or a value is not finite.
    """
    return covariance_distance(*_textures(image, reference, scales), weights=weights)


def ncvd(image: GreyImage, reference: GreyImage, *, scales: int = 5) -> float | None:
    """Normalised CVD: covariances about the reference's means in units of its deviations, divided by ‖K_reference‖.

    The paper does not define its nCVD; this definition gives its range. Asymmetric: the high-resolution image is the
    reference. 0 for the same texture; None where the reference is constant. Arguments and errors as in `cvd`.
    """
    return normalised_distance(*_textures(image, reference, scales))


def texture_moments(image: GreyImage, bank: WaveletBank | None = None) -> Texture:
    """Moments of an image (rows, columns), to be compared with those of many others.

    It takes about 1 kB of memory per pixel: made for patches, not for whole plates.

    Raises:
        ValueError: the image is not of the bank's shape, or a value is not finite.
    """
    x = grey(image)
    bank = bank or wavelet_bank((x.shape[0], x.shape[1]))
    if x.shape != bank.shape:
        raise ValueError(f"the image is {x.shape}, the wavelets are for {bank.shape}")
    spectrum = fft.fft2(x)
    means, deviations, same, next_ = [], [], [], []
    finer: Real | None = None
    for psi in bank.psi:
        parts, mean = _parts(spectrum, psi)
        ours = parts[: 3 * len(psi)]
        products = ours @ ours.T / x.size
        same += [_near(products, k, m) for k, m in _SAME]
        if finer is not None:
            across = finer @ parts.T / x.size
            next_ += [_near(across, k, m) for k, m in _NEXT]
        means.append(_full_turn(mean))
        deviations.append(np.tile(_deviations(parts), (1, 2)))
        finer = ours
    low = fft.ifft2(spectrum * bank.phi).real
    std = np.array(deviations)
    flat = bool(std.min() <= _FLAT * np.abs(x).max())
    return Texture(np.array(means), std, np.array(same + next_).ravel(), float(low.mean()), float(low.var()), flat)


def covariance_distance(one: Texture, other: Texture, *, weights: Weights = "rectifier") -> float:
    """The CVD of two textures; see `cvd`."""
    gain = np.array(_RECTIFIER if weights == "rectifier" else (1.0,) * _HARMONICS)
    per_channel = np.broadcast_to(gain[:, None], one.mean.shape).astype(np.complex128)
    difference = (one.covariance - other.covariance) * _products(per_channel)
    return _norm(difference, one.low_variance - other.low_variance)


def standardised_distance(image: Texture, reference: Texture) -> float | None:
    """Distance of covariances about the reference's means in units of its deviations; None for a constant reference."""
    found = _standardised(image, reference)
    return None if found is None else found[0]


def patch_textures(image: GreyImage) -> list[Texture]:
    """Textures of patches of `PATCH_PX` on a lattice of twice that; none for an image that is smaller than a patch.

    Args:
        image: (rows, columns); of one below one and a half patches the middle one is taken.
    """
    n, (rows, cols) = PATCH_PX, image.shape
    if min(rows, cols) < n + n // 2:
        corners = [((rows - n) // 2, (cols - n) // 2)] if min(rows, cols) >= n else []
    else:
        tops, lefts = (range(n // 2, length - n + 1, 2 * n) for length in (rows, cols))
        corners = [(top, left) for top in tops for left in lefts]
    bank = wavelet_bank((n, n)) if corners else None
    return [texture_moments(image[top : top + n, left : left + n], bank) for top, left in corners]


def normalised_distance(image: Texture, reference: Texture) -> float | None:
    """The nCVD of two textures; see `ncvd`."""
    found = _standardised(image, reference)
    return None if found is None else found[0] / found[1]


def _standardised(image: Texture, reference: Texture) -> tuple[float, float] | None:
    """The standardised distance, and ‖K_reference‖ in the same units."""
    if reference.flat:
        return None
    unit = _products(reference.std.astype(np.complex128))
    shifted = image.covariance + _products(image.mean - reference.mean)
    low_shifted = image.low_variance + (image.low_mean - reference.low_mean) ** 2
    distance = _norm((shifted - reference.covariance) / unit, low_shifted / reference.low_variance - 1.0)
    return distance, _norm(reference.covariance / unit, 1.0)


def _textures(image: GreyImage, reference: GreyImage, scales: int) -> tuple[Texture, Texture]:
    if image.shape != reference.shape or image.ndim != 2:
        raise ValueError(f"images of one shape are compared, not {image.shape} with {reference.shape}")
    bank = wavelet_bank((image.shape[0], image.shape[1]), scales)
    return texture_moments(image, bank), texture_moments(reference, bank)


def _parts(spectrum: Complex, psi: npt.NDArray[np.float64]) -> tuple[Real, Complex]:
    """Centred harmonics of one scale, as real rows, and their means.

    Real products of real rows take a third of the time of complex ones: |z| has no imaginary part, and one product of
    two real rows serves both halves of the turn.

    Returns:
        float64 (5 · angles, pixels): |z|, and real and imaginary part of [z] and of [z]²; complex128 (3, angles).
    """
    angles, pixels = len(psi), spectrum.size
    rows: Real = np.empty((5 * angles, pixels))
    for q, one in enumerate(psi):
        z = fft.ifft2(spectrum * one, overwrite_x=True).ravel()
        size, real, imag, real2, imag2 = rows[q::angles]
        real[:], imag[:] = z.real, z.imag
        np.multiply(real, real, out=real2)
        np.multiply(imag, imag, out=imag2)
        np.sqrt(real2 + imag2, out=size)
        inverse = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
        real2 -= imag2
        real2 *= inverse
        np.multiply(real, imag, out=imag2)
        imag2 *= 2 * inverse
    mean = rows.mean(axis=1)
    rows -= mean[:, None]
    size, real, imag, real2, imag2 = mean.reshape(5, angles)
    return rows, np.stack([size + 0j, real + 1j * imag, real2 + 1j * imag2])


def _deviations(parts: Real) -> Real:
    """Standard deviations (3, angles) of the harmonics."""
    squares = np.einsum("rp,rp->r", parts, parts).reshape(5, -1) / parts.shape[1]
    return np.asarray(np.sqrt(np.stack([squares[0], squares[1] + squares[2], squares[3] + squares[4]])), np.float64)


def _full_turn(half: Complex) -> Complex:
    """Angles of a half-turn (…, L) followed by those of the other: their conjugates on a real image."""
    return np.concatenate([half, half.conj()], axis=-1)


def _near(products: Real, k: int, m: int) -> Complex:
    """Covariances (angles, angles + 1) of [z]^k and [z′]^m at angles up to a quarter turn apart.

    Args:
        products: mean products of the rows of `_parts`, (3 · angles, 3 or 5 · angles).
        k: harmonic of the first.
        m: harmonic of the second.
    """
    angles = products.shape[0] // 3
    blocks = products.reshape(3, angles, -1, angles).transpose(0, 2, 1, 3)
    nothing = np.zeros((angles, angles))

    def block(imag_left: bool, imag_right: bool) -> Real:
        if (imag_left and k == 0) or (imag_right and m == 0):
            return nothing
        found: Real = blocks[_ROW[k] + imag_left, _ROW[m] + imag_right]
        return found

    rr, ii, ri, ir = block(False, False), block(True, True), block(False, True), block(True, False)
    here = (rr + ii) + 1j * (ir - ri)  # z · z′*: the first half of the turn
    opposite = (rr - ii) + 1j * (ir + ri)  # z · z′, as the other half is conjugate
    return _banded(np.concatenate([here, opposite], axis=1))


def _products(values: Complex) -> Complex:
    """values_v · values_v′* for every pair of channels, in the order of `Texture.covariance`."""
    half = values.shape[2] // 2
    same = [_banded(np.outer(v[k, :half], v[m].conj())) for v in values for k, m in _SAME]
    pairs = pairwise(values)
    next_ = [_banded(np.outer(v[k, :half], w[m].conj())) for v, w in pairs for k, m in _NEXT]
    return np.array(same + next_).ravel()


def _banded(matrix: Complex) -> Complex:
    """Entries (q, q + Δ) of (L, 2L), |Δ| ≤ L / 2, cyclic: (L, L + 1)."""
    angles = matrix.shape[0]
    rows = np.arange(angles)[:, None]
    near: Complex = matrix[rows, (rows + np.arange(-(angles // 2), angles // 2 + 1)) % (2 * angles)]
    return near


def _norm(half: Complex, low: float) -> float:
    """Euclidean norm of all moments, of which half are given."""
    return float(np.sqrt(2 * np.sum(np.abs(half) ** 2) + low**2))
