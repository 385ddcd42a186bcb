"""The webcam's own picture, as sharp as it can be made without a model. Owns the filter and how two cameras tell it.

What a lens has blurred and noise has not yet drowned can be had back by a linear filter (Wiener, "Extrapolation,
Interpolation, and Smoothing of Stationary Time Series", 1949): one gain for each of some spatial frequencies, the same
in all directions. Metal has far more detail than powder, so what the filter adds is weakened where there is hardly
more of it than of noise, by the estimate 1 − noise² / power of its surroundings (Lee, "Digital image enhancement and
noise filtering by use of local statistics", IEEE PAMI 2, 1980).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import FloatImage

BANDS = 16
"""Frequencies that have a gain: 1/32, 2/32 … 16/32 cycles a pixel; the mean light keeps its own."""
MOST = 32.0
"""A band is made stronger by this at most: what 8 bits round off is louder than the plate then."""
AROUND_PX = 4.0
"""σ of the surroundings of a pixel."""
_GRID = 4 * BANDS
"""Edge of the grid on which the filter is made: twice as fine as the bands."""
_TRIED = np.linspace(0.0, 0.98, 50)
"""Shares of the picture that are taken for noise, of which the best is chosen."""

Rows = npt.NDArray[np.float64]
Triple = tuple[FloatImage, FloatImage, FloatImage]


@dataclass(frozen=True, slots=True)
class Restoration:
    """What leads from the webcam's picture to as much of the plate as it shows.

    Attributes:
        gains: in [0, `MOST`], one for each of `BANDS`.
        noise: of what the filter adds, grey in [0, 1], root mean square.
    """

    gains: tuple[float, ...] = (1.0,) * BANDS
    noise: float = 0.0


def restored(webcam: FloatImage, way: Restoration) -> FloatImage:
    """The webcam's picture, restored.

    Args:
        webcam: float32 (rows, columns); beyond its border it is mirrored.
        way: of this webcam.

    Returns:
        float32 (rows, columns), not clipped.
    """
    added = _added(webcam, way.gains)
    return np.asarray(webcam + _weight(_power(added), way.noise) * added, np.float32)


def measured_restoration(known: Sequence[Triple]) -> Restoration:
    """The way that leads nearest to the high-resolution camera's picture.

    In each band the least of ⟨|h − a w − g d|²⟩ over a and g, for the spectra w of the webcam's picture, d of what was
    drawn beyond it and h of the high-resolution camera: a model that restores by itself leaves nothing to do. The gain
    goes from 1 to a by the coherence of w and h: where the webcam tells little of a band, it is left as it is, and not
    smoothed away. The noise is that with the least squared error.

    Args:
        known: webcam in the tone, drawn picture, high-resolution camera's picture; each (rows, columns) in [0, 1].
    """
    ww, wd, dd, hw, hd, hh = np.sum([_products(*three) for three in known], axis=0)
    bottom = ww * dd - wd**2
    apart = bottom > 1e-6 * ww * dd
    best = np.where(apart, (hw * dd - hd * wd) / np.where(apart, bottom, 1.0), hw / np.maximum(ww, 1e-12))
    coherence = np.clip(hw**2 / np.maximum(ww * hh, 1e-12), 0.0, 1.0)
    gains = tuple(float(gain) for gain in np.clip(1.0 + (best - 1.0) * coherence, 0.0, MOST))
    return Restoration(gains, _least_noise([(_added(webcam, gains), hr - webcam) for webcam, _, hr in known]))


def _least_noise(pairs: Sequence[tuple[FloatImage, FloatImage]]) -> float:
    """The noise with which what is added, weakened by it, is nearest to what was missing."""
    added, missing = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
    power = np.concatenate([_power(pair[0]).ravel() for pair in pairs])
    levels = [0.0, *(float(np.sqrt(level)) for level in np.quantile(power, _TRIED))]
    errors = [float(np.mean((missing - _weight(power, noise) * added) ** 2)) for noise in levels]
    return levels[int(np.argmin(errors))]


def _added(webcam: FloatImage, gains: Sequence[float]) -> FloatImage:
    """What the filter adds to a picture."""
    filtered = cv2.filter2D(webcam, -1, _kernel(tuple(gains)), borderType=cv2.BORDER_REFLECT)
    return np.asarray(filtered - webcam, np.float32)


def _power(added: FloatImage) -> FloatImage:
    """Mean square of what is added, in the surroundings of each pixel."""
    return np.asarray(cv2.GaussianBlur(added * added, (0, 0), AROUND_PX, borderType=cv2.BORDER_REFLECT), np.float32)


def _weight(power: FloatImage, noise: float) -> FloatImage:
    """How much of what is added is more than noise, in [0, 1]."""
    return np.asarray(np.clip(1 - np.float32(noise**2) / np.maximum(power, np.float32(1e-12)), 0, 1), np.float32)


def _products(webcam: FloatImage, drawn: FloatImage, hr: FloatImage) -> Rows:
    """In each band the sums of w w*, w d*, d d*, h w*, h d* and h h*: (6, `BANDS`)."""
    rows, columns = hr.shape
    window = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])
    w, d, h = (np.fft.rfft2((image - image.mean()) * window) for image in (webcam, drawn - webcam, hr))
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None]).ravel()
    band = np.rint(frequency * 2 * BANDS).astype(int)
    inside = (band >= 1) & (band <= BANDS)
    pairs = ((w, w), (w, d), (d, d), (h, w), (h, d), (h, h))
    values = (np.real(one * np.conj(other)).ravel()[inside] for one, other in pairs)
    return np.stack([np.bincount(band[inside] - 1, value, BANDS) for value in values])


@lru_cache(maxsize=4)
def _kernel(gains: tuple[float, ...]) -> FloatImage:
    """The filter's taps, float32; their sum is 1."""
    along = np.fft.fftfreq(_GRID)
    frequency = np.hypot(along[:, None], along[None])
    response = np.interp(frequency * 2 * BANDS, np.arange(BANDS + 1), (1.0, *gains))
    taps = np.fft.fftshift(np.real(np.fft.ifft2(response)))[1:, 1:]  # an odd number, with its middle at the pixel
    return np.asarray(taps / taps.sum(), np.float32)
