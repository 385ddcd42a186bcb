"""The frozen autoencoders with their latent scale. Owns the one place where latents are normalised."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from monitor.inference.networks.autoencoder import Autoencoder


@dataclass(frozen=True, slots=True)
class Scale:
    """Component-wise mean and standard deviation of a latent, each (1, C, 1, 1)."""

    mean: Tensor
    std: Tensor


class Encoder(nn.Module):
    """Image (B, 1, h, w) in [-1, 1] -> normalised latent (B, C, h/4, w/4), without noise."""

    mean: Tensor
    std: Tensor

    def __init__(self, autoencoder: Autoencoder, scale: Scale) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.register_buffer("mean", scale.mean.clone())
        self.register_buffer("std", scale.std.clone())

    def forward(self, image: Tensor) -> Tensor:
        """Encode."""
        latent, _ = self.autoencoder.encode(image)
        return (latent - self.mean) / self.std


class Decoder(nn.Module):
    """Normalised latent (B, C, h, w) -> image (B, 1, 4h, 4w), about [-1, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self, autoencoder: Autoencoder, scale: Scale) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.register_buffer("mean", scale.mean.clone())
        self.register_buffer("std", scale.std.clone())

    def forward(self, latent: Tensor) -> Tensor:
        """Decode."""
        return self.autoencoder.decode(latent * self.std + self.mean)
