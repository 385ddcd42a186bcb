"""SAM's losses (Kirillov et al., 2023): focal and dice of the best mask, squared error of every predicted IoU.

Targets are shares of metal in [0, 1], because logits are at half the image's resolution.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from monitor.learn.promptable.recipe import SegmenterTraining

MASK_SHARE = 0.5
"""Share of metal above which a logit's pixel counts as metal in an IoU."""


def focal(logits: Tensor, target: Tensor, near: Tensor) -> Tensor:
    """Focal loss with γ = 2 for soft targets (quality focal loss, Li et al. 2020), mean where `near` is 1."""
    error = (logits.sigmoid() - target).square()
    each = error * functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * near).sum((-2, -1)) / near.sum((-2, -1)).clamp(min=1.0)


def dice(logits: Tensor, target: Tensor, near: Tensor) -> Tensor:
    """One minus the soft dice coefficient over the last two axes, where `near` is 1."""
    shown = logits.sigmoid() * near
    both = (shown * target).sum((-2, -1))
    return 1 - (2 * both + 1) / (shown.sum((-2, -1)) + target.sum((-2, -1)) + 1)


def actual_iou(logits: Tensor, target: Tensor, near: Tensor) -> Tensor:
    """IoU of thresholded masks over the last two axes, where `near` is 1; 0 for an empty target."""
    shown, true = (logits > 0) & (near > MASK_SHARE), target > MASK_SHARE
    both = (shown & true).sum((-2, -1))
    either = (shown | true).sum((-2, -1))
    return both / either.clamp(min=1)


def prompt_losses(
    logits: Tensor, iou: Tensor, target: Tensor, near: Tensor, recipe: SegmenterTraining
) -> dict[str, Tensor]:
    """Losses of a batch of prompts.

    Args:
        logits: (P, M, h, w).
        iou: (P, M), predicted.
        target: (P, h, w), shares of metal, 0 where it is not near.
        near: (P, h, w), 1 in the neighbourhood in which the answer counts.
        recipe: the weights.

    Returns:
        "mask" and "iou", weighted, and "found", the mean actual IoU of the mask that the model prefers, where there
        is metal to find.
    """
    each, around = target[:, None].expand_as(logits), near[:, None].expand_as(logits)
    masks = recipe.focal_weight * focal(logits, each, around) + recipe.dice_weight * dice(logits, each, around)
    with torch.no_grad():
        actual = actual_iou(logits, each, around)
        preferred = actual.gather(1, iou.argmax(1, keepdim=True))[:, 0]
        real = target.amax((-2, -1)) > MASK_SHARE
        found = preferred[real].mean() if real.any() else preferred.new_zeros(())
    quality = (iou - actual).square().mean()
    return {"mask": masks.min(dim=1).values.mean(), "iou": recipe.iou_weight * quality, "found": found}


def dense_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy and dice of the dense answer (B, 1, h, w) against shares of metal (B, h, w)."""
    logits = logits[:, 0]
    return (
        functional.binary_cross_entropy_with_logits(logits, target)
        + 0.5 * dice(logits, target, torch.ones_like(target)).mean()
    )
