"""How long a torch model takes for a sample. Owns the measurement on the training side; refuses to judge it."""

from __future__ import annotations

import time

import torch

from monitor.learn.precision import mixed
from monitor.learn.trained import TrainedDiffusion
from monitor.upscale.sampler import Level, levels, sample, spaced


@torch.no_grad()
def draw_batch(models: TrainedDiffusion, batch: int, px: int, steps: int, device: torch.device) -> None:
    """Draw samples for a batch of patches of noise (which cost the same as any): `steps` of the recipe's sampler."""
    recipe = models.recipe.diffusion
    image = torch.rand((batch, 1, px, px), device=device) * 2 - 1
    with mixed(device):
        condition = models.lr_encoder(image)
        shape = (batch, models.recipe.autoencoder.network.latent_channels, *condition.shape[2:])

        def draw() -> torch.Tensor:
            return torch.randn(shape, device=device)

        def denoise(noisy: torch.Tensor, level: Level) -> torch.Tensor:
            out: torch.Tensor = models.unet(noisy, condition, torch.full((batch,), level.time, device=device))
            return out.float()

        path = spaced(levels(recipe.schedule, recipe.train_steps), steps)
        latent = sample(denoise, draw(), path, prediction=recipe.prediction, method=recipe.sampler, draw=draw)
        models.decoder(latent)
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def batch_seconds(models: TrainedDiffusion, batch: int, px: int, steps: int, device: torch.device) -> float:
    """Wall time of one such batch, after a first one that is not counted."""
    models.to(device)
    draw_batch(models, batch, px, 1, device)
    begin = time.perf_counter()
    draw_batch(models, batch, px, steps, device)
    return time.perf_counter() - begin
