"""Tone and coarse light from the webcam, detail from the model. Owns how both become one picture.

A model that has not met an installation guesses its high-resolution camera's exposure, and is wrong for a whole layer
at once. Two numbers that are measured once for a pair of cameras tell it better, and what is coarser than the webcam's
blur the webcam has measured; some of what is finer a filter has back (`restoring`). Only the rest must be drawn.

Of what is drawn, a part has nothing to do with the layer at hand: grain of the right kind in the wrong places. All of
it gives the right texture with the largest error, none of it the smallest error without texture; in between, the best
pictures for a given likeness of texture lie on the straight line from one to the other (Freirich, Michaeli and Meir,
"A theory of the distortion-perception tradeoff in Wasserstein space", NeurIPS 2021). `Look.detail` says where, octave
by octave: half way, or less where a layer of both cameras shows that less has the better texture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.domain import FloatImage
from monitor.metrics import Texture, normalised_distance, patch_textures
from monitor.upscale.consistency import degrade, match_tone
from monitor.upscale.restoring import Restoration, measured_restoration, restored

OCTAVES = (0.3, 0.6, 1.2, 2.4)
"""What is finer than so many σ of the webcam's blur, and coarser than the one before, is an octave of detail."""
LEAST_SIGMA_PX = 1.6
"""A finer blur is not assumed: a single pixel of the webcam is mostly noise."""
HALFWAY = 0.5
"""Between the least error (0) and the variance of the high-resolution camera (1)."""
SHARES = (HALFWAY, 0.375, 0.25, 0.125, 0.0)
"""Of the way, from the most detail to the least."""
AS_GOOD = 1.1
"""More detail is taken where its texture is nearly as near to the high-resolution camera's as the nearest: light weighs
most in that distance, so differences of some percent say nothing of grain."""
MOST = 2.0
"""Detail is made stronger by this at most."""

Pair = tuple[FloatImage, FloatImage, FloatImage]


@dataclass(frozen=True, slots=True)
class Look:
    """How a pair of cameras sees the same plate.

    Attributes:
        tone: gain and offset from the webcam's grey to the high-resolution camera's, both in [0, 1].
        detail: what each octave of the drawn detail is multiplied by, the finest first.
        restoration: of the webcam's own picture; none leaves it as it is.
    """

    tone: tuple[float, float]
    detail: tuple[float, ...] = (1.0,) * len(OCTAVES)
    restoration: Restoration | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """What drawn pictures of one layer stand on, float32 (rows, columns).

    Attributes:
        toned: the webcam's picture in the tone; what is drawn beyond it is detail.
        restored: the same, restored; the detail is laid on it.
    """

    toned: FloatImage
    restored: FloatImage


def toned(webcam: FloatImage, tone: tuple[float, float]) -> FloatImage:
    """The webcam's image as the high-resolution camera's exposure would have shown it.

    Args:
        webcam: (rows, columns), grey in [0, 1].
        tone: gain and offset.
    """
    gain, offset = (np.float32(number) for number in tone)
    return np.asarray(np.clip(gain * webcam + offset, 0, 1), np.float32)


def grounded(webcam: FloatImage, look: Look) -> Ground:
    """What the webcam's picture gives.

    Args:
        webcam: float32 (rows, columns), grey in [0, 1].
        look: of the two cameras.
    """
    seen = toned(webcam, look.tone)
    return Ground(seen, seen if look.restoration is None else restored(seen, look.restoration))


def anchored(picture: FloatImage, ground: Ground, detail: Sequence[float], sigma_px: float) -> FloatImage:
    """A drawn picture on the webcam's: restored + Σ detail · octave(picture − toned).

    Args:
        picture: float32 (rows, columns), what the model drew, grey in [0, 1].
        ground: the same shape, of the webcam's picture from which it was drawn.
        detail: of the look.
        sigma_px: σ of the webcam's blur, in pixels of the plate grid.
    """
    made = ground.restored
    for gain, octave in zip(detail, _octaves(picture - ground.toned, sigma_px), strict=True):
        made = made + np.float32(gain) * octave
    return np.asarray(np.clip(made, 0, 1), np.float32)


def measured_look(known: Sequence[Pair], tone: tuple[float, float], sigma_px: float) -> Look:
    """Restoration and strength of the detail, in a tone.

    Detail is taken as strongly as `SHARES` allows, as long as its texture distance (nCVD) to the high-resolution
    camera's is at most `AS_GOOD` times the least of all shares. Where the picture is too small or too even to have a
    texture, it is taken half way.

    Args:
        known: webcam in the tone, drawn picture, high-resolution camera's picture; each (rows, columns) in [0, 1].
        tone: of the two cameras.
        sigma_px: σ of the webcam's blur, in pixels of the plate grid.
    """
    way = measured_restoration(known)
    sharp = [(restored(webcam, way), drawn - webcam, hr) for webcam, drawn, hr in known]
    laid = [(own, own + beyond, hr) for own, beyond, hr in sharp]
    looks = [Look(tone, measured_detail(laid, sigma_px, share), way) for share in SHARES]
    wanted = [patch_textures(hr) for _, _, hr in known]
    distances = [_unlike(known, sharp, wanted, look, sigma_px) for look in looks]
    least = min(distances, default=0.0)
    return next(look for look, distance in zip(looks, distances, strict=True) if distance <= AS_GOOD * least)


def _unlike(
    known: Sequence[Pair], sharp: Sequence[Pair], wanted: Sequence[Sequence[Texture]], look: Look, sigma_px: float
) -> float:
    """Mean texture distance of pictures with this look; 0 where nothing has a texture."""
    distances = []
    for (webcam, drawn, _), (own, _, _), truths in zip(known, sharp, wanted, strict=True):
        made = patch_textures(anchored(drawn, Ground(webcam, own), look.detail, sigma_px)) if truths else []
        distances += [normalised_distance(*pair) for pair in zip(made, truths, strict=True)]
    found = [distance for distance in distances if distance is not None]
    return float(np.mean(found)) if found else 0.0


def bare_look(pairs: Sequence[tuple[FloatImage, FloatImage]]) -> Look:
    """How two cameras see the same plate where no model draws anything: tone and restoration.

    Args:
        pairs: webcam and high-resolution camera, each (rows, columns) in [0, 1], one or more layers.
    """
    tone = match_tone(*(np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1)))
    seen = [(toned(webcam, tone), hr) for webcam, hr in pairs]
    return Look(tone, (0.0,) * len(OCTAVES), measured_restoration([(own, own, hr) for own, hr in seen]))


def measured_detail(pairs: Sequence[Pair], sigma_px: float, share: float = HALFWAY) -> tuple[float, ...]:
    """How much of each octave to take, between two gains that layers with both cameras tell.

    With the least squared error: ⟨(h − w) d⟩ / ⟨d²⟩, for octaves w, d and h of the webcam, of what was drawn beyond it,
    and of the high-resolution camera. With that camera's variance: the larger g of ⟨(w + g d)²⟩ = ⟨h²⟩ or, where no g
    reaches it, the nearest.

    Args:
        pairs: what the detail is laid on, the same with the drawn detail, high-resolution camera's picture; each
            (rows, columns) in [0, 1].
        sigma_px: σ of the webcam's blur, in pixels of the plate grid.
        share: of the way from the one with the least error to that with the camera's variance.

    Returns:
        A gain in [0, `MOST`] an octave, the finest first; 0 where nothing is drawn.
    """
    products = np.mean([_products(*pair, sigma_px) for pair in pairs], axis=0)
    return tuple(_gain(share, *row) for row in products)


def _octaves(image: FloatImage, sigma_px: float) -> Iterator[FloatImage]:
    """Differences of Gaussians, the finest first; what is coarser than the last is left out."""
    for sigma in OCTAVES:
        coarser = degrade(image, sigma * max(LEAST_SIGMA_PX, sigma_px))
        yield image - coarser
        image = coarser


def _products(webcam: FloatImage, drawn: FloatImage, hr: FloatImage, sigma_px: float) -> list[tuple[float, ...]]:
    """For each octave ⟨w²⟩, ⟨w d⟩, ⟨d²⟩, ⟨h²⟩ and ⟨h d⟩."""
    rows = []
    for w, d, h in zip(*(_octaves(image, sigma_px) for image in (webcam, drawn - webcam, hr)), strict=True):
        rows.append(tuple(float(np.mean(one * other)) for one, other in ((w, w), (w, d), (d, d), (h, h), (h, d))))
    return rows


def _gain(share: float, ww: float, wd: float, dd: float, hh: float, hd: float) -> float:
    if dd <= 1e-12:
        return 0.0
    least = (hd - wd) / dd
    alike = (-wd + np.sqrt(max(0.0, wd**2 - dd * (ww - hh)))) / dd
    return float(np.clip((1 - share) * least + share * alike, 0, MOST))
