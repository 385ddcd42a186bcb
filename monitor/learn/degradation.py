"""How a webcam would have seen a high-resolution picture. Owns the synthetic webcam and the measure of a real one.

The paper's way is `optics.degrade`: coarser by n, then blurred. A real webcam does more, in this order: uneven light,
blur, exposure and gamma, photon and read noise, noise reduction, sharpening, JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import FloatImage, Image
from monitor.learn.recipe import SightRecipe
from monitor.optics import degrade
from monitor.upscale import degrade as blurred
from monitor.upscale import match_tone

SIGMAS_PX = tuple(float(s) for s in np.geomspace(0.4, 8.0, 20))


@dataclass(frozen=True, slots=True)
class Webcam:
    """What differs from one webcam to another.

    Attributes:
        shading: strength and direction of uneven light: relative change from the middle to a side, (rows, columns).
        gain, offset, gamma: the tone, on values in [0, 1].
        photons: photons at full scale; noise is √(value / photons).
        read: deviation of the noise in the dark.
        reduction: σ of the bilateral filter's grey range, 0 for none.
        sharpening: how much of the difference to a blur is added.
        jpeg: quality.
    """

    shading: tuple[float, float]
    gain: float
    offset: float
    gamma: float
    photons: float
    read: float
    reduction: float
    sharpening: float
    jpeg: int

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Webcam:
        """One of the range that consumer webcams span."""
        return cls(
            shading=(float(rng.uniform(-0.25, 0.25)), float(rng.uniform(-0.25, 0.25))),
            gain=float(rng.uniform(0.7, 1.1)),
            offset=float(rng.uniform(-0.05, 0.1)),
            gamma=float(rng.uniform(0.75, 1.3)),
            photons=float(rng.uniform(400, 4000)),
            read=float(rng.uniform(0.002, 0.012)),
            reduction=float(rng.choice([0.0, 0.05, 0.1])),
            sharpening=float(rng.uniform(0.0, 0.8)),
            jpeg=int(rng.integers(70, 97)),
        )

    def see(self, coarse: FloatImage, rng: np.random.Generator) -> Image:
        """A coarse, blurred picture (rows, columns) in [0, 1] as the file that this webcam would give, uint8."""
        light = [np.linspace(-1, 1, n, dtype=np.float32) for n in coarse.shape]
        shade = 1 + self.shading[0] * light[0][:, None] + self.shading[1] * light[1][None, :]
        value = np.clip(self.gain * coarse * shade + self.offset, 0, 1) ** self.gamma
        value = value + rng.standard_normal(value.shape) * np.sqrt(value / self.photons + self.read**2)
        value = value.astype(np.float32)
        if self.reduction > 0:
            value = cv2.bilateralFilter(value, 5, self.reduction, 1.5)
        value = value + self.sharpening * (value - cv2.GaussianBlur(value, (0, 0), 1.0))
        grey = np.rint(np.clip(value, 0, 1) * 255).astype(np.uint8)
        _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def synthetic(picture: Image, recipe: SightRecipe, seed: tuple[int, ...]) -> Image:
    """The webcam's image of a high-resolution picture, uint8 (rows, columns), pixel for pixel over it.

    Args:
        picture: uint8 (rows, columns).
        recipe: ratio, blur and kind of degradation.
        seed: of the webcam and its noise.
    """
    if recipe.degradation == "gaussian":
        return degrade(picture, ratio=recipe.ratio, sigma_px=recipe.sigma_px)
    rng = np.random.default_rng(seed)
    value = picture.astype(np.float32) / np.float32(255)
    coarse = degrade(value, ratio=recipe.ratio, sigma_px=recipe.sigma_px * rng.uniform(0.7, 1.3), restore=False)
    seen = Webcam.drawn(rng).see(coarse, rng)
    return np.asarray(cv2.resize(seen, picture.shape[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def measured_blur(lr: npt.NDArray[np.uint8], hr: npt.NDArray[np.uint8], most: int = 8) -> float:
    """Blur of the webcam against the high-resolution picture, measured on pairs (N, rows, columns).

    The σ of a Gaussian, in pixels, after which HR in the webcam's tone is nearest to LR; the median over some pairs.
    """
    picked = np.linspace(0, len(lr) - 1, min(most, len(lr))).astype(int)
    return float(np.median([_blur(lr[k] / np.float32(255), hr[k] / np.float32(255)) for k in picked]))


def _blur(webcam: FloatImage, picture: FloatImage) -> float:
    def residual(sigma: float) -> float:
        seen = blurred(picture, sigma)
        gain, offset = match_tone(seen, webcam)
        return float(np.abs(gain * seen + offset - webcam).mean())

    return min(SIGMAS_PX, key=residual)
