"""The U-Nets: noisy picture, condition and noise level in; prediction out. No normalisation, no attention.

The same network works on latents and on pixels. On pixels, `shuffle` makes blocks of pixels channels at the entry and
pixels again at the exit, so that full resolution costs little; the paper's pixel model has none. `PAPER` has the
paper's sizes (base 128, multipliers 1, 2, 4, 4, two residual blocks); `UNetConfig()` runs on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.inference.networks.blocks import ResBlock, TimeEmbedding, Up, conv3


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """Sizes.

    Attributes:
        base: channels at the finest level.
        multipliers: channels of each level as multiples of base; each level halves the size.
        blocks: residual blocks per level on the way down (and as many on the way up).
        embedding: size of the noise level's embedding.
        shuffle: edge of the blocks of pixels that become channels at the entry; 1 for none.
    """

    base: int = 40
    multipliers: tuple[int, ...] = (1, 2, 3)
    blocks: int = 1
    embedding: int = 128
    shuffle: int = 1

    @property
    def multiple(self) -> int:
        """Heights and widths that the network takes are multiples of this."""
        return int(self.shuffle * 2 ** (len(self.multipliers) - 1))


PAPER = UNetConfig(128, (1, 2, 4, 4), 2, 512)


class UNet(nn.Module):
    """(B, inputs, h, w) and, where it has one, an embedding (B, embedding) -> (B, outputs, h, w)."""

    def __init__(self, config: UNetConfig, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.config = config
        widths = [config.base * m for m in config.multipliers]
        self.first = conv3(inputs, widths[0])
        self.down, self.shrink, self.up, self.grow = (nn.ModuleList() for _ in range(4))
        for i, width in enumerate(widths):
            self.down.append(nn.ModuleList(ResBlock(width, width, embedding) for _ in range(config.blocks)))
            self.up.insert(0, nn.ModuleList(ResBlock(2 * width, width, embedding) for _ in range(config.blocks)))
            if i + 1 < len(widths):
                self.shrink.append(conv3(width, widths[i + 1], stride=2))
                self.grow.insert(0, Up(widths[i + 1], width))
        self.middle = nn.ModuleList(ResBlock(widths[-1], widths[-1], embedding) for _ in range(2))
        self.last = conv3(widths[0], outputs, zero=True)

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Down, through the middle and up again, with what each level found on the way down."""
        x = self.first(x)
        kept: list[Tensor] = []
        for i, level in enumerate(self.down):
            x = self.shrink[i - 1](x) if i else x
            for block in _blocks(level):
                x = block(x, embedding)
                kept.append(x)
        for block in self.middle:
            x = block(x, embedding)
        for i, level in enumerate(self.up):
            x = self.grow[i - 1](x) if i else x
            for block in _blocks(level):
                x = block(torch.cat([x, kept.pop()], dim=1), embedding)
        out: Tensor = self.last(functional.silu(x))
        return out


class ConditionalUNet(nn.Module):
    """(B, channels, h, w), (B, condition, h, w), (B,) -> (B, channels, h, w); h, w multiples of `config.multiple`."""

    def __init__(self, config: UNetConfig, channels: int, condition: int) -> None:
        super().__init__()
        self.config, self.channels = config, channels
        packed = config.shuffle**2
        self.time = TimeEmbedding(config.embedding)
        self.unet = UNet(config, (channels + condition) * packed, channels * packed, config.embedding)

    def forward(self, noisy: Tensor, condition: Tensor, time: Tensor) -> Tensor:
        """Predict v, ε, x₀ or the flow, whichever it was trained for."""
        both = functional.pixel_unshuffle(torch.cat([noisy, condition], dim=1), self.config.shuffle)
        return functional.pixel_shuffle(self.unet(both, self.time(time)), self.config.shuffle)


def _blocks(level: nn.Module) -> nn.ModuleList:
    assert isinstance(level, nn.ModuleList)  # noqa: S101 - for the type checker
    return level
