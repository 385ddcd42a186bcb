"""Residual blocks without normalisation. A pixel depends only on its neighbourhood, so a tile equals the whole plate.

Group normalisation would mix all pixels of an image (16 % difference between tile and plate was measured).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv3(inputs: int, outputs: int, *, zero: bool = False, stride: int = 1) -> nn.Conv2d:
    """3×3 convolution with zero padding; `zero` starts it at zero so that a residual block starts as identity."""
    conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
    if zero:
        nn.init.zeros_(conv.weight)
    assert conv.bias is not None  # noqa: S101 - for the type checker
    nn.init.zeros_(conv.bias)
    return conv


class ResBlock(nn.Module):
    """(B, inputs, h, w) -> (B, outputs, h, w), modulated by an embedding (FiLM) where one is given."""

    def __init__(self, inputs: int, outputs: int, embedding: int = 0) -> None:
        super().__init__()
        self.first = conv3(inputs, outputs)
        self.second = conv3(outputs, outputs, zero=True)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.film = nn.Linear(embedding, 2 * outputs) if embedding else None
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Add what the two convolutions find."""
        h = self.first(functional.silu(x))
        if self.film is not None and embedding is not None:
            scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        out: Tensor = self.skip(x) + self.second(functional.silu(h))
        return out


class Up(nn.Module):
    """(B, inputs, h, w) -> (B, outputs, 2h, 2w) by a 1×1 convolution and pixel shuffle."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Make each pixel four."""
        return functional.pixel_shuffle(self.conv(x), 2)


class TimeEmbedding(nn.Module):
    """Noise level (B,) in [0, 1] -> (B, size): sines and cosines of log-spaced frequencies, then a small MLP."""

    frequencies: Tensor

    def __init__(self, size: int, waves: int = 32) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.exp(torch.linspace(0, math.log(200.0), waves)), persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2 * waves, size), nn.SiLU(), nn.Linear(size, size), nn.SiLU())

    def forward(self, time: Tensor) -> Tensor:
        """Embed the noise level."""
        angles = time[:, None].float() * self.frequencies[None]
        out: Tensor = self.mlp(torch.cat([angles.sin(), angles.cos()], dim=1))
        return out
