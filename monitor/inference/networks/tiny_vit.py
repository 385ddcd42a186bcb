"""MobileSAM's image encoder: TinyViT, convolutions first, then attention within windows.

After Zhang et al., "Faster Segment Anything" (2023), and Wu et al., "TinyViT" (2022). Names of weights are those of the
published checkpoint, so that it loads unchanged; its classifier head is not used there and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.inference.networks.sam_vit import neck, together, windowed


@dataclass(frozen=True)
class TinyConfig:
    """Sizes of the encoder; those of MobileSAM by default. One stage each."""

    widths: tuple[int, ...] = (64, 128, 160, 320)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (2, 4, 5, 10)
    windows: tuple[int, ...] = (7, 7, 14, 7)
    strides: tuple[int, ...] = (2, 2, 1)
    out: int = 256


class TinyEncoder(nn.Module):
    """(B, 3, S, S) → (B, out, S/16, S/16)."""

    def __init__(self, config: TinyConfig | None = None) -> None:
        super().__init__()
        config = config or TinyConfig()
        first, last = config.widths[0], len(config.widths) - 1
        stem = nn.Sequential(_ConvNorm(3, first // 2, 3, 2), nn.GELU(), _ConvNorm(first // 2, first, 3, 2))
        self.patch_embed = nn.ModuleDict({"seq": stem})
        self.layers = nn.ModuleList(_Stage(config, i, i == last) for i in range(last + 1))
        self.neck = neck(config.widths[-1], config.out)

    def forward(self, image: Tensor) -> Tensor:
        """Embed."""
        x = self.patch_embed["seq"](image)
        for stage in self.layers:
            x = stage(x)
        out: Tensor = self.neck(x)
        return out


class _ConvNorm(nn.Sequential):
    """Convolution and batch normalisation."""

    def __init__(self, inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.add_module("c", nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False))
        self.add_module("bn", nn.BatchNorm2d(outputs))


class _Stage(nn.Module):
    """Blocks at one resolution, then what leads to the next. The first stage has no attention."""

    def __init__(self, config: TinyConfig, index: int, last: bool) -> None:
        super().__init__()
        width = config.widths[index]
        self.blocks = nn.ModuleList(
            _Convolutional(width) if index == 0 else _Block(width, config.heads[index], config.windows[index])
            for _ in range(config.depths[index])
        )
        self.downsample = None if last else _Merging(width, config.widths[index + 1], config.strides[index])

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) → (B, next width, h/stride, w/stride)."""
        for block in self.blocks:
            x = block(x)
        out: Tensor = x if self.downsample is None else self.downsample(x)
        return out


class _Convolutional(nn.Module):
    """Inverted bottleneck of MobileNet."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = 4 * width
        self.conv1 = _ConvNorm(width, inner)
        self.conv2 = _ConvNorm(inner, inner, 3, groups=inner)
        self.conv3 = _ConvNorm(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) → same."""
        y = functional.gelu(self.conv2(functional.gelu(self.conv1(x))))
        return functional.gelu(x + self.conv3(y))


class _Merging(nn.Module):
    """To the next stage's width and resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _ConvNorm(inputs, outputs)
        self.conv2 = _ConvNorm(outputs, outputs, 3, stride, groups=outputs)
        self.conv3 = _ConvNorm(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) → (B, outputs, h/stride, w/stride)."""
        out: Tensor = self.conv3(functional.gelu(self.conv2(functional.gelu(self.conv1(x)))))
        return out


class _Block(nn.Module):
    """Attention within windows, a convolution for each channel, and two layers for each place."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = _Attention(width, heads, window)
        self.local_conv = _ConvNorm(width, width, 3, groups=width)
        self.mlp = _Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) → same."""
        rows, columns = x.shape[2:]
        cells = windowed(x.permute(0, 2, 3, 1), self.window)
        y = self.attn(cells.flatten(1, 2)).reshape(cells.shape)
        x = self.local_conv(x + together(y, self.window, rows, columns).permute(0, 3, 1, 2))
        out: Tensor = x + self.mlp(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) → same."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(self.norm(x))))
        return out


class _Attention(nn.Module):
    """Attention with a learnt bias for each pair of absolute distances in rows and columns."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, width), the places of one window → same."""
        batch, count, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(batch, count, self.heads, 3, -1)
        q, k, v = qkv.permute(3, 0, 2, 1, 4)
        at = torch.arange(count, device=x.device)
        rows, columns = ((n[:, None] - n[None, :]).abs() for n in (at // self.window, at % self.window))
        bias = self.attention_biases[:, rows * self.window + columns]
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        out: Tensor = self.proj(y.transpose(1, 2).reshape(batch, count, width))
        return out
