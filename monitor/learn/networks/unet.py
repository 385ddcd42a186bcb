"""The conditional U-Net: noisy latent, condition and noise level in; prediction out. No normalisation, no attention.

`PAPER` has the paper's sizes (base 128, multipliers 1, 2, 4, 4, two residual blocks); `UNetConfig()` runs on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.learn.networks.blocks import ResBlock, TimeEmbedding, Up, conv3


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """Sizes.

    Attributes:
        base: channels at the finest level.
        multipliers: channels of each level as multiples of base; each level halves the size.
        blocks: residual blocks per level on the way down (and as many on the way up).
        embedding: size of the noise level's embedding.
    """

    base: int = 40
    multipliers: tuple[int, ...] = (1, 2, 3)
    blocks: int = 1
    embedding: int = 128


PAPER = UNetConfig(128, (1, 2, 4, 4), 2, 512)


class ConditionalUNet(nn.Module):
    """(B, channels, h, w), (B, condition, h, w), (B,) -> (B, channels, h, w); h, w multiples of 2^(levels − 1)."""

    def __init__(self, config: UNetConfig, channels: int, condition: int) -> None:
        super().__init__()
        self.config = config
        widths = [config.base * m for m in config.multipliers]
        e = config.embedding
        self.time = TimeEmbedding(e)
        self.first = conv3(channels + condition, widths[0])
        self.down, self.shrink, self.up, self.grow = (nn.ModuleList() for _ in range(4))
        for i, width in enumerate(widths):
            self.down.append(nn.ModuleList(ResBlock(width, width, e) for _ in range(config.blocks)))
            self.up.insert(0, nn.ModuleList(ResBlock(2 * width, width, e) for _ in range(config.blocks)))
            if i + 1 < len(widths):
                self.shrink.append(conv3(width, widths[i + 1], stride=2))
                self.grow.insert(0, Up(widths[i + 1], width))
        self.middle = nn.ModuleList(ResBlock(widths[-1], widths[-1], e) for _ in range(2))
        self.last = conv3(widths[0], channels, zero=True)

    def forward(self, noisy: Tensor, condition: Tensor, time: Tensor) -> Tensor:
        """Predict v, ε or x₀, whichever it was trained for."""
        e = self.time(time)
        x = self.first(torch.cat([noisy, condition], dim=1))
        kept: list[Tensor] = []
        for i, level in enumerate(self.down):
            x = self.shrink[i - 1](x) if i else x
            for block in _blocks(level):
                x = block(x, e)
                kept.append(x)
        for block in self.middle:
            x = block(x, e)
        for i, level in enumerate(self.up):
            x = self.grow[i - 1](x) if i else x
            for block in _blocks(level):
                x = block(torch.cat([x, kept.pop()], dim=1), e)
        out: Tensor = self.last(functional.silu(x))
        return out


def _blocks(level: nn.Module) -> nn.ModuleList:
    assert isinstance(level, nn.ModuleList)  # noqa: S101 - for the type checker
    return level
