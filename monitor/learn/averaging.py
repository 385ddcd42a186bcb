"""The running average of weights (EMA), which is what becomes the bundle. Owns its decay."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float, updates: int) -> None:
    """Move the average a little towards the network; the first steps move it more, for there is no average yet."""
    kept = min(decay, updates / (10 + updates))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - kept)
