"""The KL autoencoder: one for the webcam's images, one for the high-resolution camera's.

Latent diffusion's first stage (Rombach et al. 2022), slim: pixel (un)shuffle instead of full-resolution convolutions,
because the decoder dominates the cost of few-step sampling. `PAPER` has the paper's compression (4 channels at 1/4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.inference.networks.blocks import ResBlock, Up, conv3


@dataclass(frozen=True, slots=True)
class AutoencoderConfig:
    """Sizes.

    Attributes:
        latent_channels: channels of the latent; it has a quarter of the image's height and width.
        encoder_width, encoder_blocks: the encoder at a quarter of the resolution.
        decoder_width, decoder_blocks: the decoder at a quarter of the resolution.
        fine_width, fine_blocks: the decoder at half the resolution; the last shuffle gives the full one.
        factor: pixels per latent pixel, a power of two of at least 4; what is said of a quarter holds for 4.
    """

    latent_channels: int = 8
    encoder_width: int = 48
    encoder_blocks: int = 2
    decoder_width: int = 48
    decoder_blocks: int = 3
    fine_width: int = 32
    fine_blocks: int = 1
    factor: int = 4


FACTOR = 4
"""That of every bundle; others are for comparing autoencoders alone."""
PAPER = AutoencoderConfig(4, 128, 4, 128, 4, 128, 3)


class Autoencoder(nn.Module):
    """Image (B, 1, h, w) in [-1, 1] <-> latent (B, latent_channels, h/4, w/4). h and w are multiples of 4.

    With another factor in the configuration, of that.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = c = config
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(c.factor),
            conv3(c.factor**2, c.encoder_width),
            *(ResBlock(c.encoder_width, c.encoder_width) for _ in range(c.encoder_blocks)),
            nn.SiLU(),
            conv3(c.encoder_width, 2 * c.latent_channels),
        )
        self.decoder = nn.Sequential(
            conv3(c.latent_channels, c.decoder_width),
            *(ResBlock(c.decoder_width, c.decoder_width) for _ in range(c.decoder_blocks)),
            Up(c.decoder_width, c.fine_width),
            *(Up(c.fine_width, c.fine_width) for _ in range(int(math.log2(c.factor)) - 2)),
            *(ResBlock(c.fine_width, c.fine_width) for _ in range(c.fine_blocks)),
            nn.SiLU(),
        )
        self.last = conv3(c.fine_width, 4)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the latent, each (B, latent_channels, h/4, w/4)."""
        mean, log_variance = self.encoder(image).chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 10)

    def decode(self, latent: Tensor) -> Tensor:
        """Image (B, 1, 4h, 4w), about [-1, 1]."""
        return functional.pixel_shuffle(self.last(self.decoder(latent)), 2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction from a drawn latent, and the mean KL divergence per latent value."""
        mean, log_variance = self.encode(image)
        latent = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        return self.decode(latent), kl
