"""Checkpoints of Segment Anything's shape with random weights, as their authors' files name them."""

from __future__ import annotations

from pathlib import Path

import torch

from monitor.inference.networks.sam import PointDecoder
from monitor.inference.networks.tiny_vit import TinyEncoder


def mobile_sam(path: Path) -> dict[str, torch.Tensor]:
    """Write a file of MobileSAM's shape; return its weights.

    It also holds what the published file holds and is not asked: a classifier, and the encoder of mask prompts.
    """
    torch.manual_seed(0)
    weights = {f"image_encoder.{name}": value for name, value in TinyEncoder().state_dict().items()}
    weights |= PointDecoder().state_dict()
    weights["image_encoder.head.weight"] = torch.zeros(1000, 320)
    weights["prompt_encoder.mask_downscaling.0.weight"] = torch.zeros(4, 1, 2, 2)
    torch.save(weights, path)
    return weights
