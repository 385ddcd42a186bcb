"""Training prompts: they are like those of a run, and their answers are right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.learn.promptable.asking import BACKGROUND, FOREGROUND, PAD, ask
from monitor.learn.promptable.recipe import PromptRecipe
from monitor.learn.promptable.scenes import random_layer


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 500))
def test_points_lie_on_what_they_ask_for(seed: int) -> None:
    """Foreground points lie within a dilation of their target; background points are off all metal."""
    image, mask = random_layer(seed, 128)
    recipe = PromptRecipe(prompts=3, points=4, powder_share=0.0, background_share=1.0)
    asked = ask(np.random.default_rng(seed), image, mask, recipe)
    assert asked.points.shape == (3, 5, 2)
    for points, labels, target in zip(asked.points, asked.labels, asked.targets, strict=True):
        assert not (target & ~mask).any()
        at = points.astype(int)
        for (column, row), label in zip(at, labels, strict=True):
            near = target[max(0, row - 5) : row + 6, max(0, column - 5) : column + 6]
            assert label != FOREGROUND or near.any() or not target.any()
            assert label != BACKGROUND or not mask[row, column]


def test_a_prompt_on_powder_has_no_answer() -> None:
    """On an empty layer every target is empty, and there is something to ask nonetheless."""
    image = np.random.default_rng(0).integers(90, 110, (64, 64), dtype=np.uint8)
    asked = ask(np.random.default_rng(1), image, np.zeros((64, 64), bool), PromptRecipe())
    assert not asked.targets.any()
    assert (asked.labels == FOREGROUND).any(axis=1).all()
    assert (asked.labels[:, 0] != PAD).all()


def test_parts_that_the_dilation_joins_are_one_answer() -> None:
    """Two bars with a gap of two pixels are one component, and the gap is not in the target."""
    mask = np.zeros((64, 64), bool)
    mask[4:24, 10:30] = mask[4:24, 32:50] = True
    recipe = PromptRecipe(prompts=1, powder_share=0.0, dilation_px=(2, 2), margin_px=(6, 6))
    asked = ask(np.random.default_rng(0), mask.astype(np.uint8) * 200, mask, recipe)
    assert np.array_equal(asked.targets[0], mask)


@pytest.mark.parametrize("full", [True, False])
def test_all_metal_and_one_pixel_can_be_asked(full: bool) -> None:
    """An image full of metal, and one with a single pixel of it, give prompts."""
    mask = np.full((32, 32), full)
    mask[16, 16] = True
    asked = ask(np.random.default_rng(0), mask.astype(np.uint8), mask, PromptRecipe(powder_share=0.0))
    assert asked.targets.any(axis=(1, 2)).all()


def test_the_answer_is_all_metal_near_the_component() -> None:
    """A neighbour within the margin belongs to the answer, as far as the margin goes; one beyond it does not."""
    mask = np.zeros((64, 64), bool)
    mask[5:15, 5:15] = mask[5:15, 22:60] = mask[50:60, 5:15] = True
    recipe = PromptRecipe(prompts=8, powder_share=0.0, dilation_px=(1, 1), margin_px=(10, 10))
    asked = ask(np.random.default_rng(0), mask.astype(np.uint8) * 200, mask, recipe)
    assert np.array_equal(asked.targets, asked.near & mask)
    small = [near for near, target in zip(asked.near, asked.targets, strict=True) if target[10, 10]]
    assert small[0][:26, :26].all()
    assert any(not near[55, 10] for near in small)


def test_what_the_initial_mask_got_wrong_is_asked_about() -> None:
    """With a false component in the initial mask, most prompts on powder take it, and their answer is empty."""
    mask, found = np.zeros((96, 96), bool), np.zeros((96, 96), bool)
    mask[8:24, 8:24] = found[8:24, 8:24] = True
    found[60:80, 60:80] = True
    recipe = PromptRecipe(prompts=40, points=1, powder_share=1.0, background_share=0.0)
    asked = ask(np.random.default_rng(0), mask.astype(np.uint8) * 200, mask, recipe, found)
    assert not asked.targets.any()
    columns, rows = asked.points[:, 0].astype(int).T
    assert np.count_nonzero(found[rows, columns] & ~mask[rows, columns]) > 25
