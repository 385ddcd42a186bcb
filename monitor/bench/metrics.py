"""Is the texture distance as fast as it should be, and the same? Owns the plain formula to compare with.

The plain formula takes every moment for itself: each filter of the full turn is applied in Fourier space and its phase
harmonics are kept; then each pair of them is multiplied and averaged over the image, one after the other, as it is
written down (Zhang & Mallat 2021, Eq. 4 and 9 to 12). The product's own way takes half of the filters and all pairs of
a scale as one matrix product.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt
from scipy import fft

from monitor.metrics import cvd, wavelet_bank
from monitor.metrics.wavelets import WaveletBank

Complex = npt.NDArray[np.complex128]
Grey = npt.NDArray[np.float64]
SAME, NEXT = ((1, 0), (1, 1), (0, 0)), ((0, 0), (0, 1), (0, 2), (1, 2))
RECTIFIER = {0: 1 / np.pi, 1: 1 / 4, 2: 1 / (3 * np.pi)}


@dataclass(frozen=True, slots=True)
class TextureCosts:
    """CPU seconds of the distance of one pair, by both ways in turns, and how far the two results are apart.

    Threads of matrix products that wait for each other take core time too: the clock tells what a person waits for.

    Attributes:
        ours, plain: CPU seconds.
        ours_wall, plain_wall: seconds on the clock.
        relative_error: between the two results.
    """

    ours: tuple[float, ...]
    plain: tuple[float, ...]
    ours_wall: tuple[float, ...]
    plain_wall: tuple[float, ...]
    relative_error: float

    @property
    def ratio(self) -> float:
        """How many times less core time the product's way takes."""
        return median(self.plain) / median(self.ours)

    @property
    def wall_ratio(self) -> float:
        """How many times faster the product's way is on the clock."""
        return median(self.plain_wall) / median(self.ours_wall)


def measure_texture(edge_px: int, repeats: int) -> TextureCosts:
    """Time the distance of two random textures by both ways, in turns in one run.

    Args:
        edge_px: edge of the images, in pixels.
        repeats: how often.
    """
    rng = np.random.default_rng(0)
    one, other = rng.random((edge_px, edge_px)), rng.random((edge_px, edge_px)) ** 2
    cvd(one, other)  # wavelets are made once
    bank = wavelet_bank((edge_px, edge_px))
    ours, plain, apart = [], [], 0.0
    for _ in range(repeats):
        start = _now()
        fast = cvd(one, other)
        between = _now()
        slow = plain_cvd(one, other, bank)
        plain.append(_now() - between)
        ours.append(between - start)
        apart = max(apart, abs(fast / slow - 1))
    (fast_cpu, fast_wall), (slow_cpu, slow_wall) = (np.transpose(each).tolist() for each in (ours, plain))
    return TextureCosts(tuple(fast_cpu), tuple(slow_cpu), tuple(fast_wall), tuple(slow_wall), apart)


def _now() -> npt.NDArray[np.float64]:
    """CPU seconds and seconds on the clock."""
    return np.array([time.process_time(), time.perf_counter()])


def plain_cvd(one: Grey, other: Grey, bank: WaveletBank) -> float:
    """The covariance distance, moment by moment."""
    total = sum(abs(a - b) ** 2 for a, b in zip(_moments(one, bank), _moments(other, bank), strict=True))
    return float(np.sqrt(total))


def _moments(image: Grey, bank: WaveletBank) -> Iterator[complex]:
    spectrum = fft.fft2(image)
    scales = [_harmonics(spectrum, psi) for psi in bank.psi]
    for j, here in enumerate(scales):
        yield from _pairs(here, here, SAME)
        if j + 1 < len(scales):
            yield from _pairs(here, scales[j + 1], NEXT)
    yield complex(np.var(fft.ifft2(spectrum * bank.phi).real))


def _harmonics(spectrum: Complex, psi: npt.NDArray[np.float64]) -> dict[int, list[Complex]]:
    """ĥ(k) [x ∗ ψ]^k without its mean, at every angle of a full turn, by k."""
    opposite = [np.roll(one[::-1, ::-1], (1, 1), (0, 1)) for one in psi]
    found: dict[int, list[Complex]] = {k: [] for k in RECTIFIER}
    for one in (*psi, *opposite):
        z = fft.ifft2(spectrum * one)
        size, phase = np.abs(z), np.angle(z)
        for k, weight in RECTIFIER.items():
            harmonic = weight * size * np.exp(1j * k * phase)
            found[k].append((harmonic - harmonic.mean()).ravel())
    return found


def _pairs(
    left: dict[int, list[Complex]], right: dict[int, list[Complex]], harmonics: tuple[tuple[int, int], ...]
) -> Iterator[complex]:
    angles = len(left[0])
    for k, m in harmonics:
        for q in range(angles):
            for step in range(-angles // 4, angles // 4 + 1):
                one, other = left[k][q], right[m][(q + step) % angles]
                yield complex(np.vdot(other, one) / one.size)
