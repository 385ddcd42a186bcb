"""`python -m monitor.learn.promptable.train RECIPE --out DIR`: from a recipe to a segmenter bundle.

Owns the order: layers → training → thresholds and measurement → bundle. Resumes from `training.pt`, which is written
every minute.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from monitor.domain import ConfigError
from monitor.learn.beginning import named
from monitor.learn.budget import Stage, warm_cosine
from monitor.learn.plates import Plates, load_plates, requests
from monitor.learn.precision import mixed, pick_device, prepared
from monitor.learn.progress import Progress
from monitor.learn.promptable.asking import Asked, ask
from monitor.learn.promptable.bundling import write_bundle
from monitor.learn.promptable.layers import Cropper, Layer, ScenePool, plate_layers, validation_layers
from monitor.learn.promptable.losses import actual_iou, dense_loss, prompt_losses
from monitor.learn.promptable.network import Promptable
from monitor.learn.promptable.real import Real, load_real
from monitor.learn.promptable.recipe import SegmenterTraining, load_segmenter_recipe
from monitor.learn.promptable.recovered import recovered
from monitor.learn.promptable.upscaled import Images, load_upscaler, upscaled

CHECKPOINT, WEIGHTS = "training.pt", "weights.safetensors"
REPORT_EVERY = 20
CLIP = 1.0
"""Largest norm of the gradient."""
VALIDATION_EDGE, VALIDATION_CROPS = 384, 12


@dataclass(frozen=True)
class Batch:
    """Crops with their prompts, as tensors: image (B, 3, S, S), points (B·K, N, 2), targets at half resolution.

    `sharp` (B, S, S) is where metal is, at the image's own resolution.
    """

    image: Tensor
    points: Tensor
    labels: Tensor
    target: Tensor
    near: Tensor
    dense: Tensor
    sharp: Tensor
    offset: Tensor


@dataclass
class Run:
    """One training run: network, running average, optimiser, and where its layers come from."""

    recipe: SegmenterTraining
    out: Path
    device: torch.device
    virtual: Sequence[Layer]
    real: Real
    held_out: Sequence[Layer]
    progress: Progress
    step_count: int = 0
    done: float = 0.0
    curve: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        self.network = prepared(Promptable(), self.device)
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        learned = self.network.parameters()
        self.optimizer = torch.optim.AdamW(learned, recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.pool = ScenePool(recipe.scenes, self.real.textures, recipe.real.texture_share)
        self.cropper = Cropper(recipe.scale, recipe.data.part_share)
        self.real_cropper = replace(
            self.cropper, scale=recipe.real.scale or recipe.scale, negative_share=recipe.real.negative_share
        )

    def step(self, fraction: float) -> dict[str, float] | None:
        """One step; its losses now and then."""
        rng = np.random.default_rng((self.recipe.seed, 1, self.step_count))
        edge, count = self.recipe.crops[int(rng.integers(len(self.recipe.crops)))]
        batch = self.batch(rng, self._crops(rng, count, edge))
        self.step_count += 1
        asks, part = self._part(fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * warm_cosine(part)
        self.network.train()
        if fraction >= self.recipe.statistics_share:
            self._settle()
        losses = self._losses(batch, asks)
        self.optimizer.zero_grad(set_to_none=True)
        sum(v for name, v in losses.items() if name != "found").backward()  # type: ignore[union-attr]
        nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], CLIP)
        self.optimizer.step()
        self._follow()
        report = self.step_count % REPORT_EVERY == 0
        return {name: round(value.item(), 4) for name, value in losses.items()} if report else None

    def _settle(self) -> None:
        """Normalise as a finished model does; weights are still learnt."""
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    def _part(self, fraction: float) -> tuple[bool, float]:
        """Whether prompts are learnt now, and how much of this part of the run is done."""
        first = self.recipe.unasked_share
        asks = fraction >= first
        return asks, (fraction - first) / max(1e-6, 1.0 - first) if asks else fraction / first

    def _losses(self, batch: Batch, asks: bool) -> dict[str, Tensor]:
        if asks and self.recipe.unasked_share:
            return self._prompt_losses(batch, self._known(batch))
        with mixed(self.device):
            embedding = self.network.encoder(batch.image)
            dense = self.network.decoder.dense(embedding)
            sharp = self.network.sharp(batch.image, embedding, dense)
        out = {
            "dense": self.recipe.dense_weight * dense_loss(dense.float(), batch.dense),
            "sharp": self.recipe.sharp_weight * dense_loss(sharp.float(), batch.sharp),
        }
        return out | (self._prompt_losses(batch, embedding) if asks else {})

    def _known(self, batch: Batch) -> Tensor:
        """The embedding of an encoder that has learnt what it will."""
        for part in self.network.unasked_parts():
            part.eval().requires_grad_(False)
        with torch.no_grad(), mixed(self.device):
            embedding: Tensor = self.network.encoder(batch.image)
        return embedding

    def _prompt_losses(self, batch: Batch, embedding: Tensor) -> dict[str, Tensor]:
        with mixed(self.device):
            logits, iou = self.network.decoder(embedding, batch.points, batch.labels, batch.offset)
        return prompt_losses(logits.float(), iou.float(), batch.target, batch.near, self.recipe)

    def _crops(self, rng: np.random.Generator, count: int, edge: int) -> list[Layer]:
        """Crops of (edge, edge) of the mixture of this step."""
        drawn, real = self.pool.at(self.step_count), self.real
        sources: list[tuple[float, Sequence[Layer], Cropper]] = [(self.recipe.scenes.share, drawn, self.cropper)]
        if self.recipe.real.share and (real.layers or real.powder):
            powder = self.recipe.real.powder_share if real.layers else 1.0
            cropper, share = self.real_cropper, self.recipe.real.share
            sources += [(share * (1 - powder), real.layers, cropper)] if real.layers else []
            sources += [(share * powder, real.powder, cropper)] if real.powder else []
        sources.append((max(0.0, 1.0 - sum(share for share, *_ in sources)), self.virtual, self.cropper))
        shares = np.array([share for share, *_ in sources])
        chosen = [sources[i][1:] for i in rng.choice(len(sources), count, p=shares / shares.sum())]
        picked = [(layers[int(rng.integers(len(layers)))], cropper) for layers, cropper in chosen]
        return [cropper.crop(rng, layer, edge) for layer, cropper in picked]

    def batch(self, rng: np.random.Generator, crops: Sequence[Layer]) -> Batch:
        """These crops, all of one square size, with prompts."""
        edge = crops[0].image.shape[0]
        asked: list[Asked] = [ask(rng, c.image, c.mask, self.recipe.prompt, c.found) for c in crops]
        images = torch.from_numpy(np.stack([c.image for c in crops])).float() / 255.0
        masks = torch.from_numpy(np.stack([c.metal for c in crops]))
        targets = torch.from_numpy(np.concatenate([a.targets for a in asked])).float()
        near = torch.from_numpy(np.concatenate([a.near for a in asked])).float()
        offset = torch.from_numpy(rng.uniform(0, max(0, self.recipe.image_size - edge), (len(crops), 2))).float()
        batch = Batch(
            images[:, None].expand(-1, 3, -1, -1),
            torch.from_numpy(np.concatenate([a.points for a in asked])),
            torch.from_numpy(np.concatenate([a.labels for a in asked])),
            functional.avg_pool2d(targets[:, None], 2)[:, 0],
            functional.avg_pool2d(near[:, None], 2)[:, 0],
            functional.avg_pool2d(masks[:, None], 2)[:, 0],
            masks,
            offset,
        )
        return Batch(*(getattr(batch, name).to(self.device) for name in Batch.__dataclass_fields__))

    def _follow(self) -> None:
        decay = min(self.recipe.ema, self.step_count / (10 + self.step_count))
        pairs = zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True)
        with torch.no_grad():
            for mean, value in pairs:
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """IoU of the averaged network's preferred masks on crops of held-out layers, always the same."""
        rng = np.random.default_rng((self.recipe.seed, 2))
        edge = min(VALIDATION_EDGE, *(min(layer.image.shape) // 32 * 32 for layer in self.held_out))
        found, error, unasked = [], [], []
        for index in range(VALIDATION_CROPS):
            layer = self.held_out[index * len(self.held_out) // VALIDATION_CROPS]
            batch = self.batch(rng, [self.cropper.crop(rng, layer, edge)])
            embedding = self.average.encoder(batch.image)
            logits, iou = self.average.decoder(embedding, batch.points, batch.labels, batch.offset)
            metal = self.average.metal(batch.image, embedding)
            unasked.append(float(actual_iou(metal[:, 0], batch.sharp, torch.ones_like(batch.sharp)).mean()))
            losses = prompt_losses(logits, iou, batch.target, batch.near, self.recipe)
            if batch.target.any():
                found.append(float(losses["found"]))
            error.append(float(losses["iou"]))
        means = {"held_out_iou": np.mean(found or [0.0]), "iou_error": np.mean(error), "unasked_iou": np.mean(unasked)}
        return {name: round(float(value), 4) for name, value in means.items()}

    def keep(self, fraction: float) -> None:
        """Write the checkpoint and say how well it does on held-out crops."""
        self.done = fraction
        state: dict[str, Any] = {
            "recipe": self.recipe.model_dump_json(),
            "done": fraction,
            "steps": self.step_count,
            "curve": self.curve,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        partial = self.out / "training.partial"
        torch.save(state, partial)
        partial.replace(self.out / CHECKPOINT)
        self.progress.say("kept", step=self.step_count, fraction=round(fraction, 3), **self.validate())

    def begin_with(self, weights: Path) -> None:
        """Take over the weights of a former run, as far as they go, or of a bundle."""
        tensors = recovered(weights).state_dict() if weights.is_dir() else load_file(weights, device=str(self.device))
        missing, unknown = self.network.load_state_dict(tensors, strict=False)
        self.average.load_state_dict(self.network.state_dict())
        self.progress.say("warm start", weights=str(weights), missing=missing, unknown=unknown)

    def restore(self) -> None:
        """Take over the checkpoint where there is one of this recipe."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["recipe"] != self.recipe.model_dump_json():
            self.progress.say("the checkpoint is of another recipe and is not used", path=str(path))
            return
        self.done, self.step_count = float(state["done"]), int(state["steps"])
        self.curve = [(int(step), dict(losses)) for step, losses in state["curve"]]
        for part in ("network", "average", "optimizer"):
            getattr(self, part).load_state_dict(state[part])
        self.progress.say("continuing", step=self.step_count, fraction=round(self.done, 3))


def train(
    recipe: SegmenterTraining,
    out: Path,
    minutes: float | None = None,
    *,
    workers: int | None = None,
    warm_start: Path | None = None,
    store: Path | None = None,
    data: Path | None = None,
) -> Path:
    """Train a segmenter.

    Args:
        recipe: every choice.
        out: directory of layers, checkpoints and of the bundle; a run there is continued.
        minutes: wall time of training; the recipe's own by default.
        workers: processes that render virtual layers; the number of cores less one by default.
        warm_start: weights of a former run to begin with, of which what they lack begins as it is; or the directory
            of a bundle, with `statistics_share = 0` because a bundle does not tell how it normalises.
        store: directory of the recorded builds that the recipe names.
        data: directory of the picture folders that the recipe names.

    Raises:
        ConfigError: the recipe names real layers that are not there, or its normalisation does not suit the beginning.
        BundleError: the bundle to begin with is not one of this network.

    Returns:
        The bundle's directory, `out/bundle/<name>`; the weights stay in `out/weights.safetensors`.
    """
    begin, total = time.monotonic(), 60 * (minutes or recipe.minutes)
    _check_beginning(recipe, warm_start)
    progress = Progress(Console(stderr=True))
    out.mkdir(parents=True, exist_ok=True)
    count = max(0, (os.cpu_count() or 1) - 1) if workers is None else workers
    real = load_real(recipe.real, store, data)
    plates = load_plates(requests(recipe.data), out / "plates", workers=count, progress=progress)
    held_out = load_plates(requests(recipe.data, validation=True), out / "plates", workers=count, progress=progress)
    um_per_px, (train_made, made, maker) = recipe.data.um_per_px, _upscaled(recipe, plates, held_out, out, progress)
    validation = [*plate_layers(held_out, made, um_per_px), *validation_layers(recipe.scenes)]
    run = Run(recipe, out, pick_device(), plate_layers(plates, train_made, um_per_px), real, validation, progress)
    if warm_start is not None:
        run.begin_with(warm_start)
    run.restore()
    progress.say("layers are ready", virtual=len(run.virtual), seconds=round(time.monotonic() - begin, 1))
    seconds = max(1.0, total - (time.monotonic() - begin))
    stage = Stage("segmenter", seconds, recipe.steps, run.step_count, started=run.done, curve=run.curve)
    stage.run(run.step, progress, run.keep)
    facts = {"steps": str(run.step_count), "data_sha256": plates.digest, "upscaled_by": maker}
    _save(run, facts, warm_start)
    progress.say("trained; measuring and exporting", steps=run.step_count)
    bundle = write_bundle(out / WEIGHTS, out, workers=count, store=store)
    progress.say("done", bundle=str(bundle), seconds=round(time.monotonic() - begin, 1))
    return bundle


def _check_beginning(recipe: SegmenterTraining, warm_start: Path | None) -> None:
    """Refuse weights and normalisation that do not go together, before anything is rendered."""
    share = recipe.statistics_share
    if share == 0 and warm_start is None:
        raise ConfigError(
            "with statistics_share = 0 nothing is normalised, which only weights that were learnt before can bear",
            cure="name them with --warm-start, or leave statistics_share out of the recipe",
        )
    if share > 0 and warm_start is not None and warm_start.is_dir():
        raise ConfigError(
            f"{warm_start}: a bundle does not tell how it normalises, but statistics_share = {share:g}",
            cure="set statistics_share = 0 in the recipe, or begin with a run's weights.safetensors",
        )


def _save(run: Run, facts: dict[str, str], warm_start: Path | None) -> None:
    """Write the averaged weights with the facts of the run."""
    if run.real.words:
        facts = facts | {"real": run.real.words, "real_sha256": run.real.digest}
    if warm_start is not None:
        facts = facts | {"warm_start": named(warm_start)}
    save_file(
        {name: value.contiguous() for name, value in run.average.state_dict().items()},
        run.out / WEIGHTS,
        metadata={"recipe": run.recipe.model_dump_json(), **facts},
    )


def _upscaled(
    recipe: SegmenterTraining, plates: Plates, held_out: Plates, out: Path, progress: Progress
) -> tuple[Images, Images, str]:
    """Super-resolved pictures of both sets, and the label of the bundle that made them."""
    upscaler = load_upscaler(recipe.upscale)
    made = [upscaled(upscaler, each, out / "plates", progress) for each in (plates, held_out)]
    return made[0], made[1], upscaler[1] if upscaler else ""


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m monitor.learn.promptable.train", description=__doc__)
    parser.add_argument("recipe", type=Path, help="recipe (TOML)")
    parser.add_argument("--out", type=Path, required=True, help="directory of the run; a run there is continued")
    parser.add_argument("--minutes", type=float, default=None, help="wall time of training")
    parser.add_argument("--workers", type=int, default=None, help="processes that render virtual layers")
    parser.add_argument("--warm-start", type=Path, default=None, help="a run's weights.safetensors, or a bundle")
    parser.add_argument("--store", type=Path, default=None, help="directory of the recorded builds in the recipe")
    parser.add_argument("--data", type=Path, default=None, help="directory of the picture folders in the recipe")
    parser.add_argument("--smoke", action="store_true", help="a few steps on small layers")
    given = parser.parse_args(argv)
    recipe = load_segmenter_recipe(given.recipe)
    recipe = recipe.smoke() if given.smoke else recipe
    train(
        recipe, given.out, given.minutes, workers=given.workers, warm_start=given.warm_start,
        store=given.store, data=given.data,
    )  # fmt: skip


if __name__ == "__main__":
    main()
