"""Losses. Own what "near" means for an image; refuse to know networks and data.

No pretrained network is needed: the perceptual part compares Laplacian bands and their local energy. The texture
metric that is reported (wavelet phase harmonics) is not among them, on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

_BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)


def bands(image: Tensor, levels: int = 4) -> list[Tensor]:
    """Laplacian pyramid of (B, C, h, w): `levels` detail bands, each half as large, and the coarse rest."""
    out: list[Tensor] = []
    for _ in range(levels):
        smooth = _blur(image)
        out.append(image - smooth)
        image = smooth[:, :, ::2, ::2]
    return [*out, image]


def _blur(image: Tensor) -> Tensor:
    channels = image.shape[1]
    weights = torch.tensor(_BINOMIAL, device=image.device, dtype=image.dtype) / 16
    kernel = weights.view(1, 1, 1, 5).expand(channels, 1, 1, 5)
    padded = functional.pad(image, (2, 2, 2, 2), mode="replicate")
    rows = functional.conv2d(padded, kernel, groups=channels)
    return functional.conv2d(rows, kernel.transpose(2, 3), groups=channels)


def perceptual(image: Tensor, target: Tensor, levels: int = 4) -> Tensor:
    """Mean absolute difference of Laplacian bands and of the logarithm of their local energy (8 × 8 windows)."""
    total = image.new_zeros(())
    for a, b in zip(bands(image, levels)[:-1], bands(target, levels)[:-1], strict=True):
        total = total + (a - b).abs().mean() + 0.05 * (_log_energy(a) - _log_energy(b)).abs().mean()
    return total


def _log_energy(band: Tensor) -> Tensor:
    window = min(8, *band.shape[-2:])
    return (functional.avg_pool2d(band.square(), window, max(1, window // 2)) + 1e-5).log()


def energy_score(samples: Sequence[Tensor], target: Tensor, levels: int = 3, window: int = 8) -> Tensor:
    """Energy score (Gneiting & Raftery 2007) of two samples, per band and window; smallest for the true distribution.

    ES = mean ‖x − y‖ − ½·‖x − x′‖, with the norm over windows of each Laplacian band. The coarse rest, which is tone,
    has the first term only: the network sees a neighbourhood, so tones that it drew would differ across one plate.
    """
    first, second = samples
    total = target.new_zeros(())
    parts = zip(bands(first, levels), bands(second, levels), bands(target, levels), strict=True)
    for band, (a, b, y) in enumerate(parts):
        near = (_window_norm(a - y, window) + _window_norm(b - y, window)) / 2
        apart = _window_norm(a - b, window) / 2 if band < levels else 0.0
        total = total + (near - apart).mean()
    return total


def _window_norm(difference: Tensor, window: int) -> Tensor:
    window = min(window, *difference.shape[-2:])
    mean = functional.avg_pool2d(difference.square().mean(dim=1, keepdim=True), window, max(1, window // 2))
    return (mean + 1e-8).sqrt()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of the discriminator (Lim & Ye 2017)."""
    return 0.5 * (functional.relu(1 - real).mean() + functional.relu(1 + fake).mean())


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, last: Tensor, limit: float = 100.0) -> Tensor:
    """Ratio of the two losses' gradients at the last layer (VQGAN's λ), so that their strengths match."""
    (a,) = torch.autograd.grad(reconstruction, last, retain_graph=True)
    (b,) = torch.autograd.grad(adversarial, last, retain_graph=True)
    ratio: Tensor = a.norm() / (b.norm() + 1e-6)
    return ratio.clamp(0, limit).detach()
