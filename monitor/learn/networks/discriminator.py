"""PatchGAN discriminator (Isola et al. 2017) with spectral normalisation: one verdict per patch, not per image."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class PatchDiscriminator(nn.Module):
    """(B, channels, h, w) -> (B, 1, h/4, w/4): above zero for real. Each verdict sees about 30 × 30 pixels."""

    def __init__(self, channels: int = 1, width: int = 48) -> None:
        super().__init__()
        sizes = [(channels, width, 2), (width, 2 * width, 2), (2 * width, 2 * width, 1)]
        layers: list[nn.Module] = []
        for inputs, outputs, stride in sizes:
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, stride, padding=1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(2 * width, 1, 4, padding=1)))

    def forward(self, image: Tensor) -> Tensor:
        """Judge."""
        out: Tensor = self.layers(image)
        return out
