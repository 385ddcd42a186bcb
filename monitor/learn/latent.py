"""The scale of latents. Owns how it is measured; what uses it lies with the networks."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from monitor.learn.networks import Autoencoder, Scale


@torch.no_grad()
def measure_scale(autoencoder: Autoencoder, images: Iterable[Tensor]) -> Scale:
    """Component-wise mean and standard deviation of the latents of these images."""
    latents = torch.cat([autoencoder.encode(image)[0].float() for image in images])
    return Scale(latents.mean(dim=(0, 2, 3), keepdim=True), latents.std(dim=(0, 2, 3), keepdim=True) + 1e-6)
