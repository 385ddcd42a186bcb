"""Models that a study trains itself. Owns which recipe on which plates, kept by digest; refuses to know how one trains.

A training that was stopped goes on from its checkpoint, and one that is done is not done again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import numpy as np

from monitor.domain import ConfigError, Image
from monitor.learn.evaluate import super_resolve
from monitor.learn.networks import Autoencoder
from monitor.learn.plates import Plates
from monitor.learn.precision import mixed, pick_device
from monitor.learn.recipe import (
    AnyTraining,
    AutoencoderRecipe,
    RegressionTraining,
    load_recipe,
)
from monitor.learn.timing import batch_seconds
from monitor.learn.train_autoencoder import train_autoencoder
from monitor.learn.trained import Trained, load_trained
from monitor.learn.training import WEIGHTS, train_weights
from monitor.study.cache import Cache, digest_of
from monitor.study.data import LayerPair
from monitor.study.meter import Meter
from monitor.study.methods import NAMES
from monitor.study.plan import Plan, recipes_dir
from monitor.study.timing import Spent
from monitor.upscale.sampler import Method as Sampler

R = TypeVar("R", bound=AnyTraining)
KINDS = {"regression": "regression", "pixel": "pixel-diffusion", "latent": "latent-diffusion"}
"""The kind of recipe that each method needs."""


@dataclass(frozen=True, slots=True)
class TrainedHere:
    """A model that was trained by a study, as torch runs it.

    Attributes:
        name: of the method.
        models: the networks.
        digest: of all that they follow from.
        weights: their file.
        threads: of the CPU.
        size: what its size is called: small, or the paper's.
        cost: how long it was trained, and on what.
        way: what tells it from others of its method.
    """

    name: str
    models: Trained
    digest: str
    weights: Path
    threads: int
    size: str
    cost: str
    way: str = ""

    @property
    def title(self) -> str:
        """What it is, of which size, and how long it was trained: no table may hide that."""
        return f"{self.short}, trained for {self.cost}"

    @property
    def short(self) -> str:
        """The same without the time."""
        return f"{self.way or NAMES[self.name]}, {self.size}"

    @property
    def label(self) -> str:
        """The recipe's name, steps, device."""
        recipe = self.models.recipe
        steps = 1 if isinstance(recipe, RegressionTraining) else recipe.diffusion.steps
        return f"{recipe.name} {self.digest[:12]}, trained here for {self.cost}, {steps} steps, {pick_device()}"

    def drawn_by(self, sampler: Sampler, steps: int) -> TrainedHere:
        """The same model of a diffusion, with another sampler and number of steps."""
        recipe = self.models.recipe
        assert not isinstance(recipe, RegressionTraining)  # noqa: S101 - it has no steps
        diffusion = recipe.diffusion.model_copy(update={"sampler": sampler, "steps": steps})
        models = replace(cast(Any, self.models), recipe=recipe.model_copy(update={"diffusion": diffusion}))
        return replace(self, models=models, digest=f"{self.digest} {sampler} {steps}")

    def draw(self, pair: LayerPair, seed: int) -> Image:
        """One sample of the whole layer, whose edges are multiples of the model's; in the precision of its training."""
        lr = pair.lr.astype(np.float32) / np.float32(255)
        with mixed(pick_device()):
            made = super_resolve(self.models, lr, pick_device(), seed=seed)
        return np.asarray(np.rint(made * 255), np.uint8)

    def spent(self, batch: int, px: int) -> Spent | None:
        """Measured now."""
        wall, cores = batch_seconds(self.models, batch, px, 0, pick_device(), self.threads)
        return Spent(wall / batch, cores / batch)


def train_method(
    name: str, recipe: str, train: Plates, plan: Plan, cache: Cache, start: TrainedHere | None = None
) -> TrainedHere:
    """Train a method's recipe on these plates, or take it up where it was left.

    Args:
        name: of the method.
        recipe: file in models/recipes, without its suffix.
        train: what is trained on.
        plan: seed, minutes and threads.
        cache: keeps checkpoints and weights.
        start: a model of the same sizes, with whose weights it begins.

    Raises:
        ConfigError: there is no such recipe, it is wrong, or of another kind than the method.
        BundleError: the recipe's networks are not of the size of those that it begins with.
    """
    chosen = load_recipe(recipes_dir() / f"{recipe}.toml")
    if chosen.kind != KINDS[name]:
        raise ConfigError(f"recipe {recipe} is of kind {chosen.kind}", cure=f"name one of kind {KINDS[name]}")
    return train_on(name, chosen, train, plan, cache, start)


def train_on(
    name: str,
    recipe: AnyTraining,
    train: Plates,
    plan: Plan,
    cache: Cache,
    start: TrainedHere | None = None,
    way: str = "",
) -> TrainedHere:
    """The same by a recipe that is at hand, named by its way."""
    chosen = recipe.model_copy(update={"seed": plan.seed})
    key = {
        "what": "training", "recipe": chosen.model_dump_json(), "plates": train.digest, "minutes": plan.train.minutes
    } | ({"start": start.digest} if start else {})  # fmt: skip
    folder = cache.folder(key)
    weights, begin = folder / WEIGHTS, start.weights if start else None
    if weights.is_file():
        models = load_trained(weights)
    else:
        models = train_weights(chosen, folder, train, plan.train.minutes, Meter(folder), warm_start=begin)
    cost = _cost(folder) + (f" after {start.cost}" if start else "")
    return TrainedHere(
        name, models.to(pick_device()), digest_of(key), weights, plan.threads, plan.train.size, cost, way
    )  # fmt: skip


def train_encoding(recipe: AutoencoderRecipe, train: Plates, plan: Plan, cache: Cache) -> tuple[Autoencoder, str, str]:
    """Train an autoencoder on the HR side of these plates, or take it up; with its digest and what it cost."""
    minutes, seed = plan.train.minutes, plan.seed
    key = {
        "what": "autoencoder", "recipe": recipe.model_dump_json(), "plates": train.digest, "minutes": minutes,
        "seed": seed,
    }  # fmt: skip
    folder = cache.folder(key)
    network = train_autoencoder(recipe, train, folder, minutes, seed, Meter(folder))
    return network, digest_of(key), _cost(folder)


def recipe_named(name: str, kind: type[R]) -> R:
    """A recipe of one kind in models/recipes.

    Raises:
        ConfigError: there is no such recipe, it is wrong, or of another kind.
    """
    recipe = load_recipe(recipes_dir() / f"{name}.toml")
    if not isinstance(recipe, kind):
        (wanted,) = get_args(kind.model_fields["kind"].annotation)
        raise ConfigError(f"recipe {name} is of kind {recipe.kind}", cure=f"name one of kind {wanted}")
    return recipe


def _cost(folder: Path) -> str:
    """Core-minutes of a CPU, minutes of a GPU, of the training in this folder."""
    wall, cores = Meter(folder).spent
    return f"{cores / 60:.1f} core-minutes" if pick_device().type == "cpu" else f"{wall / 60:.1f} GPU-minutes"
