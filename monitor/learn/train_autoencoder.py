"""Training of one autoencoder alone, to see what it can reconstruct. Owns the loop and its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from monitor.learn.autoencoding import AutoencoderTrainer
from monitor.learn.budget import Stage
from monitor.learn.measuring import Grey
from monitor.learn.networks import Autoencoder
from monitor.learn.parallel import Team
from monitor.learn.patches import PatchSampler
from monitor.learn.plates import Plates
from monitor.learn.precision import pick_device, prepared
from monitor.learn.progress import Progress
from monitor.learn.recipe import AutoencoderRecipe

_CHECKPOINT, _REPORT_EVERY = "autoencoder.pt", 100


def train_autoencoder(
    recipe: AutoencoderRecipe,
    plates: Plates,
    out: Path,
    minutes: float,
    seed: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Autoencoder:
    """Train an autoencoder on the HR side of plates; a run in `out` is continued, and a finished one taken as it is.

    Args:
        recipe: sizes, patches and losses.
        plates: at least as large as the recipe's patches.
        out: directory of the checkpoint.
        minutes: wall time at most; 0 for as long as its steps take.
        seed: of weights and patches.
        stopped: asked after each step; when it says so, the run is kept and ends.

    Raises:
        Stopped: the run was stopped; the same call continues it.
    """
    torch.manual_seed(seed)
    device, progress = pick_device(), Progress(Console(stderr=True))
    trainer = AutoencoderTrainer(prepared(Autoencoder(recipe.network), device), recipe, Team(device))
    patches = PatchSampler(plates, device, 0.5, torch.Generator().manual_seed(seed))
    path, count, begun = out / _CHECKPOINT, 0, 0.0
    if path.is_file():
        state = torch.load(path, map_location=device, weights_only=True)
        trainer.restore(state["trainer"])
        count, begun = int(state["count"]), float(state["fraction"])
    if begun >= 1:
        return trainer.network
    seconds = 60 * minutes * (1 - begun) or math.inf
    stage = Stage("autoencoder", seconds, recipe.steps, count, started=begun, stopped=stopped)

    def step(fraction: float) -> dict[str, float] | None:
        batch = patches.draw(recipe.batch, recipe.patch)
        return trainer.step(batch.hr, fraction, report=stage.done % _REPORT_EVERY == 0)

    def keep(fraction: float) -> None:
        partial = path.with_suffix(".partial")
        torch.save({"trainer": trainer.state(), "count": stage.done, "fraction": fraction}, partial)
        partial.replace(path)

    stage.run(step, progress, keep)
    return trainer.network


@torch.no_grad()
def reconstructed(network: Autoencoder, hr: Grey) -> Grey:
    """A picture (h, w) in [0, 1] through the autoencoder, without noise; h and w are multiples of its factor."""
    device = pick_device()
    image = torch.from_numpy(np.ascontiguousarray(hr))[None, None].to(device) * 2 - 1
    mean, _ = network.eval().to(device).encode(image)
    made = (network.decode(mean)[0, 0].float() + 1) / 2
    return np.asarray(made.clamp(0, 1).cpu().numpy(), np.float32)
