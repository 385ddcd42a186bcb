"""What the segmenter sees of a picture: greys without lamp and exposure, and local contrast. Owns no weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

WINDOWS = (5, 17, 33)
"""Windows of the local mean that contrast is measured from, in cells of 8 pixels; the image's mean is one more."""
CONTRASTS = 1 + len(WINDOWS)
LIGHT = 33
"""Window of the light that is divided out, in cells of 8 pixels."""
CUT = 0.15
"""How far off the light a cell counts in finding it."""
DARKEST = 0.02
"""Added to the light, in shares of white: where there is none, noise is not enlarged."""


def standardised(image: Tensor) -> Tensor:
    """(B, 1, S, S) → the same size: the light divided out, then zero mean and unit spread.

    A lamp's slope and an exposure say nothing about metal.
    """
    flat = image / (_light(image) + DARKEST)
    centred = flat - flat.mean((1, 2, 3), keepdim=True)
    spread = (centred * centred).mean((1, 2, 3), keepdim=True).sqrt()
    return centred / (spread + 1e-2)


def _light(image: Tensor) -> Tensor:
    """(B, 1, S, S) → the same size: the wide mean; what is far off it, such as parts, is cut and pulls it little."""
    cells = functional.avg_pool2d(image, 8)
    level = _wide(cells)
    for _ in range(2):
        level = _wide(torch.minimum(torch.maximum(cells, (1 - CUT) * level), (1 + CUT) * level))
    return functional.interpolate(level, scale_factor=8.0, mode="bilinear")


def _wide(cells: Tensor) -> Tensor:
    """Two means over windows in turn: nearly a Gaussian."""
    for _ in range(2):
        cells = functional.avg_pool2d(cells, LIGHT, 1, LIGHT // 2, count_include_pad=False)
    return cells


def contrasts(grey: Tensor) -> Tensor:
    """(B, 1, h, w) at half resolution → (B, CONTRASTS, h, w): what is left after means over windows are taken off."""
    cells = functional.avg_pool2d(grey, 4)
    levels = [functional.avg_pool2d(cells, w, 1, w // 2, count_include_pad=False) for w in WINDOWS]
    wide = functional.interpolate(torch.cat(levels, dim=1), scale_factor=4.0, mode="bilinear")
    return torch.cat([grey, grey - wide], dim=1)
