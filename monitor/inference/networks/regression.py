"""The deterministic baseline: one pass, no noise, no time. It learns the mean of what could be there.

The U-Net of the diffusion models without a noise level; it predicts what is to be added to the webcam's image.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from monitor.inference.networks.unet import UNet, UNetConfig


class Regression(nn.Module):
    """(B, 1, h, w) in [-1, 1] -> (B, 1, h, w), about [-1, 1]; h and w are multiples of `config.multiple`."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.unet = UNet(config, config.shuffle**2, config.shuffle**2, 0)

    def forward(self, image: Tensor) -> Tensor:
        """Draw the mean picture."""
        packed = functional.pixel_unshuffle(image, self.config.shuffle)
        return image + functional.pixel_shuffle(self.unet(packed), self.config.shuffle)
