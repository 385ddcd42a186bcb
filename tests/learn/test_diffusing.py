"""What a step of the diffusion's training does with the network."""

from __future__ import annotations

import pytest
import torch

from monitor.learn.diffusing import DiffusionTrainer, Space
from monitor.learn.networks import ConditionalUNet
from monitor.learn.parallel import Team
from monitor.learn.patches import Batch
from monitor.learn.recipe import PixelTraining, RefineRecipe


@pytest.mark.parametrize(("steps", "drawn"), [((2, 1), [2, 1, 2]), ((), [2, 2, 2])])
def test_each_number_of_steps_is_refined_in_turn(
    pixel_recipe: PixelTraining, steps: tuple[int, ...], drawn: list[int]
) -> None:
    """Two whole samples of so many steps and one plain step: as many calls of the network; else the model's own."""
    network = ConditionalUNet(pixel_recipe.diffusion.network, 1, 1)
    refine = RefineRecipe(steps=steps)
    trainer = DiffusionTrainer(network, Space(), pixel_recipe.diffusion, refine, Team(torch.device("cpu")))
    calls: list[int] = []
    network.register_forward_hook(lambda *_: calls.append(1))
    batch = Batch(torch.zeros(2, 1, 32, 32), torch.zeros(2, 1, 32, 32))
    for wanted in drawn:
        calls.clear()
        trainer.refine_step(batch, 0.5)
        assert len(calls) == 2 * wanted + 1
