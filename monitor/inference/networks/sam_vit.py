"""Segment Anything's image encoder: a vision transformer whose blocks attend within windows, a few of them to all.

After Kirillov et al., "Segment Anything" (2023), and Li et al., "Exploring plain vision transformer backbones for
object detection" (2022). Names of weights are those of Meta's published checkpoints, so that these load unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH = 16
"""Pixels of an image edge that become one token."""
WINDOW = 14
"""Tokens along the edge of a window."""


@dataclass(frozen=True)
class VitConfig:
    """Sizes of the encoder; those of vit_b by default."""

    width: int = 768
    heads: int = 12
    depth: int = 12
    to_all: tuple[int, ...] = (2, 5, 8, 11)
    image: int = 1024
    out: int = 256


VITS = {
    768: VitConfig(),
    1024: VitConfig(1024, 16, 24, (5, 11, 17, 23)),
    1280: VitConfig(1280, 16, 32, (7, 15, 23, 31)),
}
"""vit_b, vit_l and vit_h by their width."""


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        last = x.permute(0, 2, 3, 1)
        return functional.layer_norm(last, self.weight.shape, self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Two layers, widened in between."""

    def __init__(self, width: int, inner: int, activation: type[nn.Module] = nn.GELU) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.act = activation()

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) → same."""
        out: Tensor = self.lin2(self.act(self.lin1(x)))
        return out


def neck(inputs: int, outputs: int) -> nn.Sequential:
    """From a transformer's channels to the embedding's."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=False), ChannelNorm(outputs),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), ChannelNorm(outputs),
    )  # fmt: skip


class VitEncoder(nn.Module):
    """(B, 3, S, S) → (B, out, S/16, S/16)."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        edge = config.image // PATCH
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, config.width, PATCH, PATCH)})
        self.pos_embed = nn.Parameter(torch.zeros(1, edge, edge, config.width))
        self.blocks = nn.ModuleList(
            _Block(config, 0 if i in config.to_all else WINDOW, edge) for i in range(config.depth)
        )
        self.neck = neck(config.width, config.out)

    def forward(self, image: Tensor) -> Tensor:
        """Embed."""
        x = self.patch_embed["proj"](image).permute(0, 2, 3, 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return out


class _Block(nn.Module):
    def __init__(self, config: VitConfig, window: int, edge: int) -> None:
        super().__init__()
        self.window = window
        self.norm1, self.norm2 = (nn.LayerNorm(config.width, eps=1e-6) for _ in range(2))
        self.attn = _Attention(config, window or edge)
        self.mlp = Mlp(config.width, 4 * config.width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, width) → same."""
        rows, columns = x.shape[1:3]
        y = self.norm1(x)
        if self.window:
            y = windowed(y, self.window)
        y = self.attn(y)
        if self.window:
            y = together(y, self.window, rows, columns)
        x = x + y
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class _Attention(nn.Module):
    """Attention with a learnt bias for each distance in rows and in columns, which depends on the query."""

    def __init__(self, config: VitConfig, edge: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.proj = nn.Linear(config.width, config.width)
        each = config.width // config.heads
        self.rel_pos_h, self.rel_pos_w = (nn.Parameter(torch.zeros(2 * edge - 1, each)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, width) → same."""
        batch, rows, columns, width = x.shape
        qkv = self.qkv(x).reshape(batch, rows * columns, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        at = q.reshape(batch, self.heads, rows, columns, -1)
        by_row = torch.einsum("bnhwc,hkc->bnhwk", at, _distances(self.rel_pos_h, rows))
        by_column = torch.einsum("bnhwc,wkc->bnhwk", at, _distances(self.rel_pos_w, columns))
        bias = (by_row[..., :, None] + by_column[..., None, :]).reshape(batch, self.heads, rows * columns, -1)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        out: Tensor = self.proj(y.transpose(1, 2).reshape(batch, rows, columns, width))
        return out


def _distances(table: Tensor, count: int) -> Tensor:
    """(2·count − 1, C), one entry a distance → (count, count, C), by query and key."""
    at = torch.arange(count, device=table.device)
    return table[at[:, None] - at[None, :] + count - 1]


def windowed(x: Tensor, window: int) -> Tensor:
    """(B, h, w, C) → (B·n, window, window, C), padded with zeros below and to the right."""
    batch, rows, columns, channels = x.shape
    x = functional.pad(x, (0, 0, 0, -columns % window, 0, -rows % window))
    cells = x.reshape(batch, x.shape[1] // window, window, x.shape[2] // window, window, channels)
    return cells.transpose(2, 3).reshape(-1, window, window, channels)


def together(x: Tensor, window: int, rows: int, columns: int) -> Tensor:
    """The inverse of `windowed`: → (B, rows, columns, C)."""
    down, across = -(-rows // window), -(-columns // window)
    cells = x.reshape(-1, down, across, window, window, x.shape[-1]).transpose(2, 3)
    return cells.reshape(-1, down * window, across * window, x.shape[-1])[:, :rows, :columns]
