"""A real bundle with small random networks: exported, digested and self-tested as a trained one is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monitor.inference import Bundle
from monitor.learn.bundling import write_bundle
from monitor.learn.networks import AutoencoderConfig, UNetConfig
from monitor.learn.recipe import AutoencoderRecipe, DiffusionRecipe, DiffusionTraining
from monitor.learn.trained import TrainedDiffusion


def small_models(seed: int = 0) -> TrainedDiffusion:
    """Networks whose every weight is random, so that noise, condition and time all tell on the picture."""
    torch.manual_seed(seed)
    network = AutoencoderConfig(4, 8, 1, 8, 1, 8, 1)
    diffusion = DiffusionRecipe(network=UNetConfig(8, (1, 2), 1, 16), train_steps=50, steps=2)
    recipe = DiffusionTraining(
        kind="latent-diffusion", name="small", autoencoder=AutoencoderRecipe(network=network), diffusion=diffusion
    )
    models = TrainedDiffusion.untrained(recipe)
    with torch.no_grad():
        for part in (models.lr_encoder, models.decoder, models.unet):
            for parameter in part.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return models


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The small bundle, loaded from disk."""
    out: Path = tmp_path_factory.mktemp("bundle")
    return Bundle.load(write_bundle(small_models(), out, {}, {}, {}))
