"""A small promptable segmenter of Segment Anything's architecture, on one page.

As in SAM (Kirillov et al., 2023): an image encoder run once, a prompt encoder with random Fourier positions, a
two-way transformer between tokens and image, mask tokens with hypernetworks, and a head that predicts each mask's IoU.
Unlike SAM: the encoder is a small CNN, and its fine features travel inside the one embedding (packed into channels),
so that edges survive down to half the image's resolution. Three things are built in that SAM has to learn from a
billion masks: every answer begins with one dense answer, metal or not, that no prompt changes; points mark the
embedding's cells around them, as SAM's mask prompt does; and local contrast is an input, which the decoder also sees
relative to its value at the points, so that metal is about 1 and powder about 0 whether metal is darker or brighter.
Positions are in pixels over a fixed canvas, so that any image size works. It is not Meta's model and holds none of its
weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.learn.promptable.greys import CONTRASTS, contrasts, standardised

STRIDE = 32
"""Image edges must be multiples of this."""
CANVAS = 1024.0
"""Pixels that the positional encoding maps to [0, 1]."""
FAINT = 0.1
"""Contrast at a point, in the image's standard deviations, below which it says little."""
REACH = 16.0
"""Sigma of the mark that a point leaves on the embedding, in pixels: one cell."""


@dataclass(frozen=True)
class NetworkConfig:
    """Widths of the network. The defaults make about 1.9 M parameters."""

    stem: int = 16
    widths: tuple[int, int, int, int] = (32, 64, 96, 96)
    blocks: tuple[int, int, int, int] = (2, 2, 3, 2)
    dim: int = 96
    fine: tuple[int, int, int] = (48, 16, 8)
    heads: int = 4
    depth: int = 2
    masks: int = 4
    sharp: int = 16


class ConvBlock(nn.Module):
    """Convolution, batch normalisation (folded into the convolution at run time), ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H/stride, W/stride)."""
        return functional.relu(self.norm(self.conv(x)))


class Residual(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvBlock(width, width)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → same."""
        return functional.relu(x + self.norm(self.second(self.first(x))))


class ImageEncoder(nn.Module):
    """Image to one embedding: coarse features for the transformer, fine ones for the edges, packed at stride 8."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvBlock(1, config.stem, 2), ConvBlock(config.stem, config.stem))
        self.mixed = ConvBlock(config.stem + CONTRASTS, config.stem)
        widths = (config.stem, *config.widths)
        self.stages = nn.ModuleList(
            nn.Sequential(ConvBlock(a, b, 2), *(Residual(b) for _ in range(n)))
            for a, b, n in zip(widths[:-1], widths[1:], config.blocks, strict=True)
        )
        self.context = nn.Linear(widths[4], widths[4])
        self.lateral = nn.Conv2d(widths[3], widths[4], 1)
        self.top = ConvBlock(widths[4], widths[4])
        self.coarse = nn.Conv2d(widths[4], config.dim, 1)
        self.down = nn.Conv2d(widths[4], widths[2], 1)
        self.merge8 = ConvBlock(widths[2], widths[2])
        self.fine = nn.ModuleList(
            nn.Conv2d(w, f, 1) for w, f in zip((widths[2], widths[1], widths[0]), config.fine, strict=True)
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S), three times the same grey → image embedding (B, C, S/8, S/8)."""
        grey = standardised(image[:, :1])
        contrast = contrasts(functional.avg_pool2d(grey, 2))
        x2 = self.mixed(torch.cat([self.stem(grey), contrast], dim=1))
        x4 = self.stages[0](x2)
        x8 = self.stages[1](x4)
        x16 = self.stages[2](x8)
        x32 = self.stages[3](x16)
        x32 = x32 + self.context(x32.mean((2, 3)))[:, :, None, None]
        x16 = self.top(self.lateral(x16) + functional.interpolate(x32, scale_factor=2.0, mode="nearest"))
        x8 = self.merge8(x8 + functional.interpolate(self.down(x16), scale_factor=2.0, mode="nearest"))
        coarse = functional.pixel_shuffle(self.coarse(x16), 2)
        fine4 = functional.pixel_unshuffle(self.fine[1](x4), 2)
        fine2 = functional.pixel_unshuffle(self.fine[2](x2), 4)
        packed = functional.pixel_unshuffle(contrast, 4).to(fine2.dtype)
        return torch.cat([coarse, self.fine[0](x8), fine4, fine2, packed], dim=1)


class Positions(nn.Module):
    """Random Fourier features of pixel positions (Tancik et al., 2020), as in SAM's prompt encoder."""

    matrix: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        direction = torch.randn(2, dim // 2, generator=generator)
        cycles = torch.exp2(torch.linspace(-1.0, 4.5, dim // 2))
        self.register_buffer("matrix", direction / direction.norm(dim=0) * cycles)

    def forward(self, pixels: Tensor) -> Tensor:
        """(…, 2) pixel coordinates (column, row) → (…, dim)."""
        # Products by hand: a matrix product would be rounded to bfloat16 in mixed precision, and pixels with it.
        turns = pixels.float()[..., None] / CANVAS * self.matrix.float()
        angle = 2.0 * torch.pi * turns.sum(-2)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Attention(nn.Module):
    """Multi-head attention with an inner width, as in SAM."""

    def __init__(self, dim: int, heads: int, reduce: int = 1) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(dim, dim // reduce) for _ in range(3))
        self.out = nn.Linear(dim // reduce, dim)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(P, Nq, dim), (P, Nk, dim), (P, Nk, dim) → (P, Nq, dim)."""
        q, k, v = self._split(self.query(q)), self._split(self.key(k)), self._split(self.value(v))
        mixed = functional.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        count, places, width = x.shape
        return x.reshape(count, places, self.heads, width // self.heads).transpose(1, 2)


class TwoWayBlock(nn.Module):
    """Tokens look at each other and at the image; then the image looks at the tokens."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.self_attention = Attention(dim, heads)
        self.to_image = Attention(dim, heads, 2)
        self.to_tokens = Attention(dim, heads, 2)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.ReLU(), nn.Linear(4 * dim, dim))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(4))

    def forward(self, tokens: Tensor, image: Tensor, token_at: Tensor, image_at: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (P, T, dim) and image (P, H·W, dim), each with its positions → the same, updated."""
        q = tokens + token_at
        tokens = self.norms[0](tokens + self.self_attention(q, q, tokens))
        tokens = self.norms[1](tokens + self.to_image(tokens + token_at, image + image_at, image))
        tokens = self.norms[2](tokens + self.mlp(tokens))
        image = self.norms[3](image + self.to_tokens(image + image_at, tokens + token_at, tokens))
        return tokens, image


class MaskDecoder(nn.Module):
    """Embedding and prompts to masks and their predicted IoU."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        dim, self.config = config.dim, config
        self.positions = Positions(dim)
        self.label = nn.Embedding(3, dim)  # −1 padding, 0 background, 1 foreground
        self.no_mask = nn.Parameter(torch.zeros(dim))
        self.marks = nn.Parameter(torch.randn(2, dim))  # around background points, around foreground points
        self.tokens = nn.Parameter(torch.randn(1 + config.masks, dim) * 0.1)
        self.blocks = nn.ModuleList(TwoWayBlock(dim, config.heads) for _ in range(config.depth))
        self.final = Attention(dim, config.heads, 2)
        self.norm = nn.LayerNorm(dim)
        f8, f4, f2 = config.fine
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in ((dim, f8), (f8, f4), (f4, f2)))
        width = f2 + CONTRASTS
        self.refine = nn.Sequential(nn.Conv2d(width, 2 * f2, 3, 1, 1), nn.ReLU(), nn.Conv2d(2 * f2, f2, 3, 1, 1))
        self.hyper = nn.ModuleList(_mlp(dim, width) for _ in range(config.masks))
        self.quality = _mlp(dim, config.masks)
        self.metal = nn.Conv2d(sum(_widths(config)), 16, 1)
        # Before any training, metal is what has more than half of the contrast under the points.
        self.prior = nn.Parameter(torch.full((CONTRASTS,), 6.0 / CONTRASTS))
        self.threshold = nn.Parameter(torch.tensor(-3.0))

    def forward(
        self, embedding: Tensor, points: Tensor, labels: Tensor, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Answer prompts.

        Args:
            embedding: (B, C, S/8, S/8).
            points: (P, N, 2) pixels (column, row) in the encoder's image; P = B·k, k prompts of each image in turn.
            labels: (P, N) 1 foreground, 0 background, −1 padding.
            offset: (B, 2) place of the image on the canvas in pixels; training on crops only.

        Returns:
            Logits (P, M, S/2, S/2) and predicted IoU (P, M).
        """
        source, fine8, fine4, fine2, contrast = self._unpack(embedding)
        each = points.shape[0] // embedding.shape[0]
        offset = embedding.new_zeros(embedding.shape[0], 2) if offset is None else offset
        tokens, image = self._attend(source, points, labels, offset, each)
        x = image.transpose(1, 2).reshape(points.shape[0], -1, source.shape[2], source.shape[3])
        for up, skip in zip(self.up, (fine8, fine4, fine2), strict=True):
            x = functional.relu(_add(up(x), skip, each))
        likeness = _likeness(contrast, points, labels).to(x.dtype)
        x = torch.cat([x + self.refine(torch.cat([x, likeness], dim=1)), likeness], dim=1)
        weights = torch.stack([mlp(tokens[:, 1 + i]) for i, mlp in enumerate(self.hyper)], dim=1)
        logits = (weights @ x.flatten(2)).reshape(points.shape[0], -1, x.shape[2], x.shape[3])
        half_contrast = (likeness * self.prior[:, None, None]).sum(1, keepdim=True) + self.threshold
        shown = logits + half_contrast + self.dense(embedding).repeat_interleave(each, 0)
        return shown, self.quality(tokens[:, 0]).float().sigmoid()

    def dense(self, embedding: Tensor) -> Tensor:
        """Metal or not, whatever is asked: logits (B, 1, S/2, S/2). Every answer begins with it, unlike SAM's."""
        return functional.pixel_shuffle(self.metal(embedding), 4)

    def _unpack(self, embedding: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        source, fine8, fine4, fine2, contrast = torch.split(embedding, _widths(self.config), dim=1)
        return (
            functional.pixel_unshuffle(source, 2),
            fine8,
            functional.pixel_shuffle(fine4, 2),
            functional.pixel_shuffle(fine2, 4),
            functional.pixel_shuffle(contrast, 4),
        )

    def _attend(
        self, source: Tensor, points: Tensor, labels: Tensor, offset: Tensor, each: int
    ) -> tuple[Tensor, Tensor]:
        count, height, width = points.shape[0], source.shape[2], source.shape[3]
        image_at = self.positions(_centres(height, width, source.device) + offset[:, None])
        image = source.flatten(2).transpose(1, 2) + self.no_mask
        image_at, image = (t.repeat_interleave(each, 0) for t in (image_at.to(image.dtype), image))
        image = image + self._marked(points, labels, _centres(height, width, source.device)).to(image.dtype)
        at = self.positions(points + 0.5 + offset.repeat_interleave(each, 0)[:, None])
        known = (labels >= 0).to(at.dtype)[..., None]
        prompts = at * known + self.label(labels.long() + 1)
        tokens = torch.cat([self.tokens[None].expand(count, -1, -1), prompts.to(self.tokens.dtype)], dim=1)
        token_at = tokens
        for block in self.blocks:
            tokens, image = block(tokens, image, token_at, image_at)
        tokens = self.norm(tokens + self.final(tokens + token_at, image + image_at, image))
        return tokens, image

    def _marked(self, points: Tensor, labels: Tensor, centres: Tensor) -> Tensor:
        """What points add to the cells around them: (P, H·W, dim)."""
        apart = (points[:, :, None] + 0.5 - centres[:, None]).square().sum(-1)
        near = torch.exp(-apart / (2 * REACH**2))
        background, foreground = ((labels == value).to(near.dtype)[..., None] for value in (0, 1))
        strength = torch.stack([(near * kind).amax(1) for kind in (background, foreground)], dim=-1)
        return strength @ self.marks


class Sharp(nn.Module):
    """The dense answer at the image's own resolution: walls of two pixels have no room at half of it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.sharp
        self.features = nn.Conv2d(sum(_widths(config)), 16 * (width // 2), 1)
        self.mix = nn.Sequential(
            nn.Conv2d(2 + width // 2, width, 3, 1, 1), nn.ReLU(), nn.Conv2d(width, width, 3, 1, 1), nn.ReLU()
        )
        self.out = nn.Conv2d(width, 1, 3, 1, 1)
        # Before any training it is the dense answer, enlarged.
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]  # there is one

    def forward(self, image: Tensor, embedding: Tensor, dense: Tensor) -> Tensor:
        """(B, 3, S, S), its embedding and the dense logits (B, 1, S/2, S/2) → logits (B, 1, S, S)."""
        known = torch.cat([dense, functional.pixel_shuffle(self.features(embedding), 4)], dim=1)
        larger = functional.interpolate(known, scale_factor=2.0, mode="bilinear")
        seen = torch.cat([standardised(image[:, :1]).to(larger.dtype), larger], dim=1)
        logits: Tensor = larger[:, :1] + self.out(self.mix(seen))
        return logits


class Promptable(nn.Module):
    """Encoder and decoder together, for training."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        config = config or NetworkConfig()
        self.encoder = ImageEncoder(config)
        self.decoder = MaskDecoder(config)
        self.sharp = Sharp(config)

    def metal(self, image: Tensor, embedding: Tensor) -> Tensor:
        """Metal or not before anything is asked: image (B, 3, S, S), its embedding → logits (B, 1, S, S)."""
        logits: Tensor = self.sharp(image, embedding, self.decoder.dense(embedding))
        return logits

    def unasked_parts(self) -> tuple[nn.Module, ...]:
        """What the answer before any prompt rests on."""
        return self.encoder, self.decoder.metal, self.sharp


def _mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, inputs), nn.ReLU(), nn.Linear(inputs, inputs), nn.ReLU(), nn.Linear(inputs, outputs)
    )


def _widths(config: NetworkConfig) -> list[int]:
    """Channels of the embedding's parts: coarse features, fine ones at 1/8, 1/4 and 1/2, contrasts at 1/2."""
    f8, f4, f2 = config.fine
    return [config.dim // 4, f8, 4 * f4, 16 * f2, 16 * CONTRASTS]


def _likeness(contrast: Tensor, points: Tensor, labels: Tensor) -> Tensor:
    """Contrast relative to its mean at the foreground points: 1 where a pixel is as they are, 0 at the local mean.

    Args:
        contrast: (B, K, h, w) at half resolution.
        points: (P, N, 2) pixels; P = B·k.
        labels: (P, N).

    Returns:
        (P, K, h, w).
    """
    images, channels, height, width = contrast.shape
    each = points.shape[0] // images
    size = torch.tensor([2.0 * width, 2.0 * height], device=points.device)
    grid = (2 * (points.float() + 0.5) / size - 1).reshape(images, -1, 1, 2)
    calm = functional.avg_pool2d(contrast.float(), 3, 1, 1, count_include_pad=False)
    at = functional.grid_sample(calm, grid, padding_mode="border", align_corners=False)
    at = at.reshape(images, channels, each, -1).transpose(1, 2).reshape(points.shape[0], channels, -1)
    weight = (labels == 1).float()[:, None]
    mean = (at * weight).sum(-1) / weight.sum(-1).clamp(min=1.0)
    gain = mean / (mean.square() + FAINT**2)
    like = contrast.float()[:, None] * gain.reshape(images, each, channels, 1, 1)
    return like.clamp(-3.0, 3.0).reshape(points.shape[0], channels, height, width)


def _add(x: Tensor, skip: Tensor, each: int) -> Tensor:
    """Add an image's features to each of its prompts."""
    return (x.reshape(skip.shape[0], each, *x.shape[1:]) + skip[:, None]).flatten(0, 1)


def _centres(height: int, width: int, device: torch.device) -> Tensor:
    """Centres of the embedding's cells (stride 16) in pixels (column, row): (1, H·W, 2)."""
    rows = (torch.arange(height, device=device) + 0.5) * 16.0
    columns = (torch.arange(width, device=device) + 0.5) * 16.0
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
    return grid.reshape(1, height * width, 2)
