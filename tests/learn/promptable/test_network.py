"""The small promptable network: shapes, padding points, what is built in."""

from __future__ import annotations

import pytest
import torch

from monitor.learn.promptable.network import Promptable


@pytest.fixture(scope="module")
def network() -> Promptable:
    """Random weights, eval mode."""
    torch.manual_seed(0)
    return Promptable().eval()


@torch.no_grad()
def test_masks_have_half_the_images_size(network: Promptable) -> None:
    """Two images with two prompts each give four answers of four masks."""
    embedding = network.encoder(torch.rand(2, 3, 64, 96))
    assert embedding.shape[2:] == (8, 12)
    logits, iou = network.decoder(embedding, torch.rand(4, 3, 2) * 60, torch.ones(4, 3))
    assert logits.shape == (4, 4, 32, 48)
    assert iou.shape == (4, 4)
    assert ((iou >= 0) & (iou <= 1)).all()


@torch.no_grad()
def test_prompts_of_a_batch_do_not_see_each_other(network: Promptable) -> None:
    """One prompt alone and among others has the same answer."""
    embedding = network.encoder(torch.rand(1, 3, 64, 64))
    points, labels = torch.rand(3, 2, 2) * 60, torch.ones(3, 2)
    together, alone = network.decoder(embedding, points, labels), network.decoder(embedding, points[1:2], labels[1:2])
    torch.testing.assert_close(together[0][1:2], alone[0], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_place_of_a_padding_point_does_not_matter(network: Promptable) -> None:
    """Padding has a label of −1, wherever it says it is."""
    embedding = network.encoder(torch.rand(1, 3, 64, 64))
    labels = torch.tensor([[1.0, -1.0]])
    here, there = (
        network.decoder(embedding, torch.tensor([[[20.0, 20.0], place]]), labels)[0]
        for place in ([0.0, 0.0], [50.0, 9.0])
    )
    torch.testing.assert_close(here, there)


@torch.no_grad()
def test_exposure_and_contrast_do_not_matter(network: Promptable) -> None:
    """An image at half the contrast and another brightness has nearly the same embedding."""
    image = torch.rand(1, 1, 64, 64).expand(-1, 3, -1, -1)
    one, other = network.encoder(image), network.encoder(0.5 * image + 0.2)
    assert (one - other).abs().mean() < 0.1 * one.abs().mean()
