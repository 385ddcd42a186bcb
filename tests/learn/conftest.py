"""A recipe of small networks on small plates, for everything that trains."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.learn.networks import AutoencoderConfig, UNetConfig
from monitor.learn.plates import Plates
from monitor.learn.recipe import (
    AutoencoderRecipe,
    DataRecipe,
    DiffusionRecipe,
    DiffusionTraining,
    PixelTraining,
    RefineRecipe,
    RegressionRecipe,
    RegressionTraining,
)


@pytest.fixture(scope="session")
def recipe() -> DiffusionTraining:
    """A whole training of a few steps."""
    network = AutoencoderConfig(4, 8, 1, 8, 1, 8, 1)
    return DiffusionTraining(
        kind="latent-diffusion",
        name="small",
        data=DataRecipe(builds=1, layers_per_build=1, validation_builds=2, default_share=0.5, plate_px=256),
        autoencoder=AutoencoderRecipe(network=network, patch=32, batch=4, steps=4, discriminator_start=0.5),
        diffusion=DiffusionRecipe(network=UNetConfig(8, (1, 2), 1, 16), steps=2, patch=32, batch=4, iterations=3),
        refine=RefineRecipe(patch=32, batch=2, iterations=2),
    )


SMALL = UNetConfig(8, (1, 2), 1, 16, 4)


@pytest.fixture(scope="session")
def pixel_recipe(recipe: DiffusionTraining) -> PixelTraining:
    """Residual shift on pixels, a few steps."""
    diffusion = DiffusionRecipe(
        network=SMALL,
        prediction="sample",
        schedule="shift",
        target="residual",
        steps=2,
        patch=32,
        batch=4,
        iterations=3,
    )
    refine = RefineRecipe(share=0.3, patch=32, batch=2, iterations=2)
    return PixelTraining(
        kind="pixel-diffusion", name="small-pixel", minutes=0, data=recipe.data, diffusion=diffusion, refine=refine
    )


@pytest.fixture(scope="session")
def regression_recipe(recipe: DiffusionTraining) -> RegressionTraining:
    """The baseline, a few steps."""
    regression = RegressionRecipe(network=SMALL, patch=32, batch=4, iterations=6, perceptual_weight=0.5)
    return RegressionTraining(
        kind="regression", name="small-regression", minutes=0, data=recipe.data, regression=regression
    )


@pytest.fixture(scope="session")
def plates() -> Plates:
    """Two plates of noise with a square part each, the webcam's image half as bright as the other."""
    hr = np.random.default_rng(0).integers(0, 256, (2, 192, 224), dtype=np.uint8)
    mask = np.zeros(hr.shape, bool)
    mask[:, 64:96, 32:64] = True
    return Plates(hr // 2, hr, mask, np.array([True, False]))
