"""Losses of the segmenter: what is right costs nothing, and only the best mask is asked to improve."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from monitor.learn.promptable.losses import actual_iou, dice, focal, prompt_losses
from monitor.learn.promptable.recipe import SegmenterTraining

RECIPE = SegmenterTraining(kind="segmenter", name="x")
EVERYWHERE = torch.ones(1, 16, 16)


@pytest.fixture
def target() -> Tensor:
    """A square of metal, (1, 16, 16)."""
    out = torch.zeros(1, 16, 16)
    out[:, 4:12, 4:12] = 1
    return out


def test_a_right_mask_costs_nearly_nothing(target: Tensor) -> None:
    """Focal and dice vanish for sure and right logits, and are large for sure and wrong ones."""
    right = 20 * (2 * target - 1)
    assert focal(right, target, EVERYWHERE).item() < 1e-6
    assert dice(right, target, EVERYWHERE).item() < 1e-3
    assert focal(-right, target, EVERYWHERE).item() > 1
    assert dice(-right, target, EVERYWHERE).item() > 0.9


def test_iou_of_a_mask_half_as_large(target: Tensor) -> None:
    """A mask that covers half of the metal has an IoU of one half; powder has 0 whatever is shown."""
    half = target.clone()
    half[:, 8:] = 0
    assert actual_iou(2 * half - 1, target, EVERYWHERE).item() == pytest.approx(0.5)
    assert actual_iou(-torch.ones(1, 16, 16), torch.zeros(1, 16, 16), EVERYWHERE).item() == 0


def test_only_the_best_mask_learns(target: Tensor) -> None:
    """As in SAM, the gradient of the mask loss reaches the mask that is nearest to the answer, and no other."""
    logits = torch.stack([2 * target - 1, 1 - 2 * target], dim=1).requires_grad_()
    losses = prompt_losses(logits, torch.tensor([[0.5, 0.5]]), target, EVERYWHERE, RECIPE)
    losses["mask"].backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[:, 0].abs().sum() > 0
    assert logits.grad[:, 1].abs().sum() == 0


def test_the_predicted_iou_is_asked_of_every_mask(target: Tensor) -> None:
    """Its loss is the mean squared error over all masks, and the reported IoU is the preferred mask's."""
    logits = torch.stack([20 * (2 * target - 1), -torch.ones_like(target)], dim=1)
    losses = prompt_losses(logits, torch.tensor([[0.8, 0.4]]), target, EVERYWHERE, RECIPE)
    assert losses["iou"].item() == pytest.approx((0.2**2 + 0.4**2) / 2)
    assert losses["found"].item() == pytest.approx(1.0)


def test_only_the_neighbourhood_counts(target: Tensor) -> None:
    """What a mask shows far from its component changes neither loss nor IoU."""
    near = torch.zeros(1, 16, 16)
    near[:, 2:14, 2:14] = 1
    right = 20 * (2 * target - 1)
    spilt = right.clone()
    spilt[:, 15] = 20
    for measure in (focal, dice, actual_iou):
        torch.testing.assert_close(measure(spilt, target, near), measure(right, target, near))
    assert actual_iou(spilt, target, EVERYWHERE) < actual_iou(right, target, EVERYWHERE)
