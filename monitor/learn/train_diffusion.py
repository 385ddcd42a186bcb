"""`python -m monitor.learn.train_diffusion RECIPE --out DIR`: from a recipe to a bundle.

Owns the order: plates → autoencoders → scales → diffusion → few-step refinement → weights → evaluation → bundle. Each
stage resumes from `training.pt`, which is written every minute.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from monitor.domain import ConfigError
from monitor.learn.autoencoding import AutoencoderTrainer
from monitor.learn.budget import Stage
from monitor.learn.bundling import Facts, write_bundle
from monitor.learn.diffusing import DiffusionTrainer
from monitor.learn.evaluate import evaluate, sample_pictures
from monitor.learn.latent import measure_scale
from monitor.learn.patches import PatchSampler
from monitor.learn.plates import Plates, load_plates, requests
from monitor.learn.precision import pick_device
from monitor.learn.progress import Progress
from monitor.learn.recipe import AnyTraining, DiffusionTraining, load_recipe
from monitor.learn.trained import TrainedDiffusion

CHECKPOINT, WEIGHTS, SAMPLES = "training.pt", "weights.safetensors", "samples.png"
REPORT_EVERY = 100
_CLOSING_SHARE, _CLOSING_MOST_S = 0.15, 60.0
"""Wall time that is kept back for evaluation and export: a share of the whole, at most a minute."""


@dataclass
class Run:
    """One training run: its networks, trainers and what is done of each stage."""

    recipe: DiffusionTraining
    out: Path
    device: torch.device
    progress: Progress
    models: TrainedDiffusion
    patches: PatchSampler
    done: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[tuple[int, dict[str, float]]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    """Wall time of former runs that this one continues."""
    begin: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        recipe, models = self.recipe, self.models
        self.autoencoders = {
            "lr": AutoencoderTrainer(models.lr_encoder.autoencoder, recipe.autoencoder, self.device),
            "hr": AutoencoderTrainer(models.hr_encoder.autoencoder, recipe.autoencoder, self.device),
        }
        encoders = (models.lr_encoder, models.hr_encoder)
        self.diffusion = DiffusionTrainer(
            models.unet, encoders, models.decoder, recipe.diffusion, recipe.refine, self.device
        )

    def autoencoder_step(self, fraction: float) -> dict[str, float] | None:
        """One step of the HR autoencoder; the LR one, whose images are smooth, learns at every third."""
        stage = self.recipe.autoencoder
        batch = self.patches.draw(stage.batch, stage.patch)
        self.steps += 1
        if self.steps % 3 == 1:
            self.autoencoders["lr"].step(batch.lr, fraction)
        return self.autoencoders["hr"].step(batch.hr, fraction, report=self.steps % REPORT_EVERY == 0)

    def diffusion_step(self, fraction: float) -> dict[str, float] | None:
        """One plain step of the U-Net."""
        stage = self.recipe.diffusion
        self.steps += 1
        batch = self.patches.draw(stage.batch, stage.patch)
        return self.diffusion.step(batch, fraction, report=self.steps % REPORT_EVERY == 0)

    def refine_step(self, fraction: float) -> dict[str, float] | None:
        """One step on whole few-step samples."""
        stage = self.recipe.refine
        self.steps += 1
        batch = self.patches.draw(stage.batch, stage.patch)
        return self.diffusion.refine_step(batch, fraction, report=self.steps % REPORT_EVERY == 0)

    def scale_latents(self) -> None:
        """Measure the latents' component-wise mean and deviation, and freeze the autoencoders."""
        stage = self.recipe.autoencoder
        batches = [self.patches.draw(stage.batch, stage.patch) for _ in range(8)]
        lr = measure_scale(self.models.lr_encoder.autoencoder, (batch.lr for batch in batches))
        hr = measure_scale(self.models.hr_encoder.autoencoder, (batch.hr for batch in batches))
        self.models.set_scales(lr, hr)

    def trained(self) -> TrainedDiffusion:
        """The networks as they are now, with the U-Net's running average."""
        return replace(self.models, unet=self.diffusion.average)

    def freeze(self) -> None:
        """Autoencoders learn no more."""
        for part in (self.models.lr_encoder, self.models.hr_encoder, self.models.decoder):
            part.requires_grad_(False).eval()

    @property
    def spent(self) -> float:
        """Wall time of training so far, in seconds, over all runs."""
        return self.seconds + time.monotonic() - self.begin

    def keep(self, stage: Stage, fraction: float) -> None:
        """Write the checkpoint."""
        self.done[stage.name], self.counts[stage.name] = fraction, stage.done
        scales = {
            name: {"mean": part.mean, "std": part.std}
            for name, part in (("lr", self.models.lr_encoder), ("hr", self.models.hr_encoder))
        }
        state: dict[str, Any] = {
            "recipe": self.recipe.model_dump_json(),
            "done": self.done,
            "counts": self.counts,
            "seconds": self.spent,
            "curves": self.curves,
            "scales": scales,
            "autoencoders": {name: trainer.state() for name, trainer in self.autoencoders.items()},
            "diffusion": self.diffusion.state(),
            "random": torch.get_rng_state(),
        }
        unfinished = self.out / "training.partial"
        torch.save(state, unfinished)
        unfinished.replace(self.out / CHECKPOINT)

    def restore(self) -> bool:
        """Take over the checkpoint where there is one of this recipe."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["recipe"] != self.recipe.model_dump_json():
            self.progress.say("the checkpoint is of another recipe and is not used", path=str(path))
            return False
        self.done, self.counts = dict(state["done"]), dict(state["counts"])
        self.seconds, self.curves = float(state["seconds"]), dict(state["curves"])
        for name, trainer in self.autoencoders.items():
            trainer.restore(state["autoencoders"][name])
        for part, name in ((self.models.lr_encoder, "lr"), (self.models.hr_encoder, "hr"), (self.models.decoder, "hr")):
            part.load_state_dict(state["scales"][name], strict=False)
        self.diffusion.restore(state["diffusion"])
        torch.set_rng_state(state["random"].cpu())
        return True


def train(
    recipe: AnyTraining,
    out: Path,
    minutes: float | None = None,
    *,
    workers: int | None = None,
    warm_start: Path | None = None,
) -> Path:
    """Train a latent-diffusion bundle.

    Args:
        recipe: every choice.
        out: directory of plates, checkpoints, pictures and of the bundle; a run there is continued.
        minutes: wall time of everything; the recipe's own by default.
        workers: processes that render plates; the number of cores less one by default.
        warm_start: weights of a former run of the same sizes to begin with.

    Returns:
        The bundle's directory, `out/bundle/<name>`.
    """
    if not isinstance(recipe, DiffusionTraining):
        raise ConfigError(f"a recipe of kind '{recipe.kind}' is not trained by this", cure="use a latent-diffusion one")
    begin, total = time.monotonic(), 60 * (minutes or recipe.minutes)
    progress = Progress(Console(stderr=True))
    out.mkdir(parents=True, exist_ok=True)
    device = pick_device()
    count = max(0, (os.cpu_count() or 1) - 1) if workers is None else workers
    train_set = load_plates(requests(recipe.data), out / "plates", workers=count, progress=progress)
    held_out = load_plates(requests(recipe.data, validation=True), out / "plates", workers=count, progress=progress)
    progress.say("plates are ready", plates=len(train_set.lr), seconds=round(time.monotonic() - begin, 1))
    run = _prepare(recipe, out, device, train_set, progress, warm_start)
    closing = min(_CLOSING_MOST_S, _CLOSING_SHARE * total)
    _learn(run, held_out, max(1.0, total - closing - (time.monotonic() - begin)))
    return _close(run, held_out, train_set.digest)


def train_weights(recipe: DiffusionTraining, out: Path, plates: Plates, minutes: float) -> TrainedDiffusion:
    """Train on plates that are at hand, without measuring and without a bundle; `recipe.data` is not used.

    Args:
        recipe: every other choice.
        out: directory of checkpoints and weights; a run there is continued.
        plates: what is trained on, at least as large as the recipe's patches.
        minutes: wall time.
    """
    out.mkdir(parents=True, exist_ok=True)
    device = pick_device()
    run = _prepare(recipe, out, device, plates, Progress(Console(stderr=True)), None)
    _learn(run, plates, 60 * minutes)
    models = run.trained().round_weights()
    models.save(out / WEIGHTS)
    return models


def _close(run: Run, held_out: Plates, data_digest: str) -> Path:
    """Keep the weights, measure them, and make the bundle."""
    models, samples = run.trained().round_weights(), run.out / SAMPLES
    models.save(run.out / WEIGHTS)
    run.progress.say("measuring and exporting")
    results = evaluate(models, held_out, run.device)
    sample_pictures(models, held_out, run.device, samples)
    facts: Facts = {"data_sha256": data_digest, "seconds": round(run.spent), "device": str(run.device)}
    bundle = write_bundle(models.to(torch.device("cpu")), run.out, results, facts, run.curves, samples)
    run.progress.say("done", bundle=str(bundle), seconds=round(run.spent, 1))
    return bundle


def _prepare(
    recipe: DiffusionTraining,
    out: Path,
    device: torch.device,
    plates: Plates,
    progress: Progress,
    warm_start: Path | None,
) -> Run:
    torch.manual_seed(recipe.seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    models = TrainedDiffusion.untrained(recipe)
    if warm_start is not None:
        models.load_weights(warm_start)
    models.to(device)
    generator = torch.Generator().manual_seed(recipe.seed)
    run = Run(recipe, out, device, progress, models, PatchSampler(plates, device, recipe.data.part_share, generator))
    if run.restore():
        progress.say("continuing", done=run.done)
    return run


def _learn(run: Run, held_out: Plates, seconds: float) -> None:
    """Run what is left of the three stages; seconds are shared among them by the recipe."""
    recipe = run.recipe
    share, refine = recipe.autoencoder.share, recipe.refine.share
    plan = [
        ("autoencoder", share, recipe.autoencoder.steps, run.autoencoder_step),
        ("diffusion", (1 - share) * (1 - refine), recipe.diffusion.iterations, run.diffusion_step),
        ("refine", (1 - share) * refine, recipe.refine.iterations if refine else 0, run.refine_step),
    ]
    left = {name: part * (1 - run.done.get(name, 0.0)) for name, part, *_ in plan}
    whole = sum(left.values()) or 1.0
    for name, _, steps, step in plan:
        done = run.done.get(name, 0.0)
        if name != "autoencoder":
            run.freeze()
        if done < 1:
            stage = Stage(name, seconds * left[name] / whole, steps, run.counts.get(name, 0), done)
            stage.curve = run.curves.setdefault(name, [])
            stage.run(step, run.progress, partial(_pause, run, held_out, stage))
            run.progress.say(f"{name} is trained", steps=stage.done)


def _pause(run: Run, held_out: Plates, stage: Stage, fraction: float) -> None:
    """Between two steps: scales after the autoencoders, the checkpoint, and pictures."""
    if stage.name == "autoencoder":
        run.scale_latents()
    run.keep(stage, fraction)
    sample_pictures(
        run.trained(), held_out, run.device, run.out / "pictures" / f"{stage.name}-{round(100 * fraction):03d}.png"
    )


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m monitor.learn.train_diffusion", description=__doc__)
    parser.add_argument("recipe", type=Path, help="recipe (TOML)")
    parser.add_argument("--out", type=Path, required=True, help="directory of the run; a run there is continued")
    parser.add_argument("--minutes", type=float, default=None, help="wall time of everything")
    parser.add_argument("--workers", type=int, default=None, help="processes that render plates")
    parser.add_argument("--warm-start", type=Path, default=None, help="weights.safetensors of a former run")
    parser.add_argument("--smoke", action="store_true", help="a few steps on small plates")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    given = _arguments(argv)
    recipe = load_recipe(given.recipe)
    train(
        recipe.smoke() if given.smoke else recipe,
        given.out,
        given.minutes,
        workers=given.workers,
        warm_start=given.warm_start,
    )


if __name__ == "__main__":
    main()
