"""A student's one step and its teacher's two."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from monitor.learn.diffusing import DiffusionTrainer, Space
from monitor.learn.distilling import aim, rung, strides
from monitor.learn.networks import ConditionalUNet
from monitor.learn.parallel import Team
from monitor.learn.patches import Batch
from monitor.learn.recipe import PixelTraining, RefineRecipe
from monitor.upscale.sampler import PAIRS, Level, Prediction, Schedule, levels, sample, wanted

WAYS = [(schedule, prediction) for schedule, known in PAIRS.items() for prediction in sorted(known)]


def teacher(noisy: Tensor, level: Level) -> Tensor:
    """Anything that depends on both."""
    return torch.tanh(noisy * 0.7 + level.time)


@pytest.mark.parametrize(("schedule", "prediction"), WAYS)
@pytest.mark.parametrize("steps", [1, 3, 8])
def test_a_student_that_says_what_it_is_to_say_draws_what_its_teacher_draws(
    schedule: Schedule, prediction: Prediction, steps: int
) -> None:
    """With half as many steps, from the same noise, whatever is predicted."""
    noise = torch.randn(2, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    taken = strides(levels(schedule, 40), steps)

    def student(noisy: Tensor, level: Level) -> Tensor:
        return aim(teacher, noisy, next(s for s in taken if s.start == level), prediction)

    def drawn(network: Callable[[Tensor, Level], Tensor], path: list[Level]) -> Tensor:
        return sample(network, noise, tuple(path), prediction=prediction)

    fast = drawn(student, [stride.start for stride in taken] + [taken[-1].end])
    slow = drawn(teacher, [level for stride in taken for level in stride[:2]] + [taken[-1].end])
    assert torch.allclose(fast, slow, atol=1e-6)


@pytest.mark.parametrize(("schedule", "prediction"), WAYS)
def test_where_the_teacher_knows_the_truth_the_aim_is_the_truth(schedule: Schedule, prediction: Prediction) -> None:
    """Of a single possible picture, every step of every length says the same."""
    truth, noise = torch.full((1, 1, 2, 2), 0.3), torch.full((1, 1, 2, 2), -1.2)

    def right(noisy: Tensor, level: Level) -> Tensor:
        own = (noisy - truth * level.alpha) * (1 / level.sigma)
        return wanted(prediction, truth, own, torch.tensor(level.alpha), torch.tensor(level.sigma))

    for stride in strides(levels(schedule, 40), 4):
        noisy = truth * stride.start.alpha + noise * stride.start.sigma
        assert torch.allclose(aim(right, noisy, stride, prediction), right(noisy, stride.start), atol=1e-4)


def test_strides_join_from_noise_to_clean() -> None:
    """Each begins where the one before ended, and the teacher's stop lies between."""
    taken = strides(levels("cosine", 200), 16)
    assert taken[0].start.time == 1
    assert taken[-1].end.time == 0
    assert all(one.end == two.start for one, two in pairwise(taken))
    assert all(stride.start.time > stride.middle.time > stride.end.time for stride in taken)


def test_every_rung_has_its_turn_and_the_last_one_stays() -> None:
    """The course of a rung is told from 0 to 1."""
    turns = [rung((8, 4, 2), fraction / 6) for fraction in range(7)]
    assert [steps for steps, _ in turns] == [8, 8, 4, 4, 2, 2, 2]
    assert [within for _, within in turns] == pytest.approx([0, 0.5, 0, 0.5, 0, 0.5, 1])


def test_the_average_becomes_the_teacher_at_each_rung_and_not_between(pixel_recipe: PixelTraining) -> None:
    """A student that chases a teacher which follows it would learn nothing."""
    diffusion = pixel_recipe.diffusion.model_copy(update={"train_steps": 16})
    network = ConditionalUNet(diffusion.network, 1, 1)
    refine = RefineRecipe(distil=(8, 4), learning_rate=1e-2)
    trainer = DiffusionTrainer(network, Space(), diffusion, refine, Team(torch.device("cpu")))
    batch = Batch(torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32))

    def taught(fraction: float) -> list[Tensor]:
        trainer.distil_step(batch, fraction)
        return [value.clone() for value in trainer.state()["teacher"].values()]

    first, second, third = taught(0.1), taught(0.3), taught(0.6)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(second, third, strict=True))


@pytest.mark.parametrize(
    ("refine", "least"),
    [({"distil": (8, 4)}, 4), ({"steps": (4, 2)}, 2), ({}, 1), ({"share": 0.0, "distil": (8, 4)}, 1)],
)
def test_a_model_is_good_for_the_steps_that_it_was_finished_for(refine: dict[str, object], least: int) -> None:
    """What was distilled to four steps never learnt a longer one."""
    assert RefineRecipe.model_validate(refine).least_steps == least


@pytest.mark.parametrize(
    ("distil", "wrong"), [((64, 30), "half of the one before"), ((128, 64), "no more than train_steps = 200")]
)
def test_rungs_that_make_no_sense_are_refused(pixel_recipe: PixelTraining, distil: tuple[int, ...], wrong: str) -> None:
    """Rungs that are not halves, and a first teacher with more steps than there are noise levels."""
    told = pixel_recipe.model_dump()
    told["refine"]["distil"] = distil
    told["diffusion"]["train_steps"] = 200
    with pytest.raises(ValidationError, match=wrong):
        PixelTraining.model_validate(told)
