"""Segment Anything behind its image encoder: the prompt encoder, for points, and the mask decoder.

After Kirillov et al., "Segment Anything" (2023). Names of weights are those of Meta's published checkpoints; what
encodes boxes and masks as prompts is left out, for they are never asked here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.inference.networks.sam_vit import PATCH, ChannelNorm, Mlp

MASKS = 4
"""Masks a prompt: the whole, and three for a point that may mean several things."""


class PointDecoder(nn.Module):
    """Everything but the image encoder: an embedding and points in, masks and their predicted IoU out."""

    def __init__(self, width: int = 256, heads: int = 8, inner: int = 2048) -> None:
        super().__init__()
        self.prompt_encoder = PromptEncoder(width)
        self.mask_decoder = MaskDecoder(width, heads, inner)

    def forward(self, embedding: Tensor, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Masks of a batch of prompts.

        Args:
            embedding: (1, width, h, w).
            points: (B, N, 2) pixels (column, row) of the encoder's image, which is square.
            labels: (B, N) 1 foreground, 0 background, −1 padding.

        Returns:
            Logits (B, 4, 4h, 4w) and predicted IoU (B, 4).
        """
        prompts = self.prompt_encoder(points, labels, float(PATCH * embedding.shape[2]))
        places = self.prompt_encoder.places(embedding.shape[2], embedding.shape[3])
        masks: tuple[Tensor, Tensor] = self.mask_decoder(embedding + self.prompt_encoder.no_mask, places, prompts)
        return masks


class PromptEncoder(nn.Module):
    """Points to tokens; random Fourier features of positions (Tancik et al., 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pe_layer = nn.Module()
        self.pe_layer.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, width // 2))
        # Background and foreground; the other two are a box's corners.
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(4))
        self.not_a_point_embed, self.no_mask_embed = nn.Embedding(1, width), nn.Embedding(1, width)

    def forward(self, points: Tensor, labels: Tensor, edge: float) -> Tensor:
        """(B, N, 2) pixels in an image of this edge and (B, N) → (B, N, width)."""
        kinds = torch.cat([each.weight for each in (self.not_a_point_embed, *self.point_embeddings[:2])])
        known = (labels >= 0).to(points.dtype)[..., None]
        return self._at((points + 0.5) / edge) * known + kinds[labels.long() + 1]

    def places(self, rows: int, columns: int) -> Tensor:
        """Positions of the embedding's cells: (1, rows·columns, width)."""
        weight = self.no_mask_embed.weight
        y, x = ((torch.arange(n, device=weight.device, dtype=weight.dtype) + 0.5) / n for n in (rows, columns))
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
        return self._at(grid.reshape(1, rows * columns, 2))

    @property
    def no_mask(self) -> Tensor:
        """What is added to the embedding where no mask is a prompt."""
        return self.no_mask_embed.weight[:, :, None, None]

    def _at(self, shares: Tensor) -> Tensor:
        matrix: Tensor = self.pe_layer.positional_encoding_gaussian_matrix  # type: ignore[assignment]  # a buffer
        angle = 2.0 * torch.pi * ((2.0 * shares - 1.0) @ matrix)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class MaskDecoder(nn.Module):
    """A two-way transformer between tokens and image; each mask token becomes the filter of its mask."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.transformer = _TwoWay(width, heads, inner)
        self.iou_token, self.mask_tokens = nn.Embedding(1, width), nn.Embedding(MASKS, width)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, 2, 2), ChannelNorm(width // 4), nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, 2), nn.GELU(),
        )  # fmt: skip
        self.output_hypernetworks_mlps = nn.ModuleList(_Head(width, width // 8) for _ in range(MASKS))
        self.iou_prediction_head = _Head(width, MASKS)

    def forward(self, embedding: Tensor, places: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """(1, width, h, w), (1, h·w, width) and (B, N, width) → (B, 4, 4h, 4w) and (B, 4)."""
        count = prompts.shape[0]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(count, -1, -1), prompts], dim=1)
        image = embedding.flatten(2).transpose(1, 2).expand(count, -1, -1)
        tokens, image = self.transformer(tokens, image, places)
        x = self.output_upscaling(image.transpose(1, 2).reshape(count, -1, *embedding.shape[2:]))
        filters = [mlp(tokens[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)]
        masks = torch.stack(filters, dim=1) @ x.flatten(2)
        return masks.reshape(count, MASKS, *x.shape[2:]), self.iou_prediction_head(tokens[:, 0])


class _TwoWay(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_TwoWayBlock(width, heads, inner, first=i == 0) for i in range(2))
        self.final_attn_token_to_image = _Attention(width, heads, 2)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, image: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, width), (B, H·W, width) and the places of the latter → both, updated."""
        asked = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, asked, places)
        seen = self.final_attn_token_to_image(tokens + asked, image + places, image)
        return self.norm_final_attn(tokens + seen), image


class _TwoWayBlock(nn.Module):
    """Tokens look at each other and at the image; then the image looks at the tokens."""

    def __init__(self, width: int, heads: int, inner: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = _Attention(width, heads)
        self.cross_attn_token_to_image = _Attention(width, heads, 2)
        self.cross_attn_image_to_token = _Attention(width, heads, 2)
        self.mlp = Mlp(width, inner, nn.ReLU)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(width) for _ in range(4))

    def forward(self, tokens: Tensor, image: Tensor, asked: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and image, each with its positions → both, updated. The first block begins with positions alone."""
        q = tokens if self.first else tokens + asked
        seen = self.self_attn(q, q, tokens)
        tokens = self.norm1(seen if self.first else tokens + seen)
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + asked, image + places, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        return tokens, self.norm4(image + self.cross_attn_image_to_token(image + places, tokens + asked, tokens))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, reduce: int = 1) -> None:
        super().__init__()
        self.heads, inner = heads, width // reduce
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, Nq, width), (B, Nk, width), (B, Nk, width) → (B, Nq, width)."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, x in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v))
        )
        out: Tensor = self.out_proj(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return out


class _Head(nn.Module):
    """Three layers."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        sizes = ((width, width), (width, width), (width, outputs))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in sizes)

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) → (…, outputs)."""
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        out: Tensor = self.layers[-1](x)
        return out
