"""Models that a study trains itself. Owns which recipe on which plates, kept by digest; refuses to know how one trains.

A training that was stopped goes on from its checkpoint, and one that is done is not done again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.domain import ConfigError, Image
from monitor.learn.evaluate import super_resolve
from monitor.learn.plates import Plates
from monitor.learn.precision import pick_device
from monitor.learn.recipe import DiffusionTraining, RegressionTraining, load_recipe
from monitor.learn.timing import batch_seconds
from monitor.learn.trained import Trained, load_trained
from monitor.learn.training import WEIGHTS, train_weights
from monitor.study.cache import Cache, digest_of
from monitor.study.data import LayerPair
from monitor.study.plan import Plan, recipes_dir

KINDS = {"regression": "regression", "pixel": "pixel-diffusion", "latent": "latent-diffusion"}
"""The kind of recipe that each method needs."""


@dataclass(frozen=True, slots=True)
class TrainedHere:
    """A model that was trained by a study, as torch runs it."""

    name: str
    models: Trained
    digest: str
    threads: int

    @property
    def label(self) -> str:
        """The recipe's name, steps, device."""
        recipe = self.models.recipe
        steps = 1 if isinstance(recipe, RegressionTraining) else recipe.diffusion.steps
        return f"{recipe.name} {self.digest[:12]}, trained here, {steps} steps, {pick_device()}"

    def draw(self, pair: LayerPair, seed: int) -> Image:
        """One sample of the whole layer, whose edges are multiples of the model's."""
        lr = pair.lr.astype(np.float32) / np.float32(255)
        made = super_resolve(self.models, lr, pick_device(), seed=seed)
        return np.asarray(np.rint(made * 255), np.uint8)

    def seconds(self, batch: int, px: int) -> float | None:
        """Measured now."""
        return batch_seconds(self.models, batch, px, 0, pick_device(), self.threads)[0] / batch


def train_method(name: str, recipe: str, train: Plates, plan: Plan, cache: Cache) -> TrainedHere:
    """Train a method's recipe on these plates, or take it up where it was left.

    Args:
        name: of the method.
        recipe: file in models/recipes, without its suffix.
        train: what is trained on.
        plan: seed, minutes and threads.
        cache: keeps checkpoints and weights.

    Raises:
        ConfigError: there is no such recipe, it is wrong, or of another kind than the method.
    """
    chosen = load_recipe(recipes_dir() / f"{recipe}.toml").model_copy(update={"seed": plan.seed})
    if chosen.kind != KINDS[name]:
        raise ConfigError(f"recipe {recipe} is of kind {chosen.kind}", cure=f"name one of kind {KINDS[name]}")
    key = {
        "what": "training", "recipe": chosen.model_dump_json(), "plates": train.digest, "minutes": plan.train.minutes
    }  # fmt: skip
    folder = cache.folder(key)
    weights = folder / WEIGHTS
    done = weights.is_file()
    models = load_trained(weights) if done else train_weights(chosen, folder, train, plan.train.minutes)
    return TrainedHere(name, models.to(pick_device()), digest_of(key), plan.threads)


def latent_recipe(name: str) -> DiffusionTraining:
    """A recipe of latent diffusion in models/recipes.

    Raises:
        ConfigError: there is no such recipe, it is wrong, or of another kind.
    """
    recipe = load_recipe(recipes_dir() / f"{name}.toml")
    if not isinstance(recipe, DiffusionTraining):
        raise ConfigError(f"recipe {name} is of kind {recipe.kind}", cure="name one of kind latent-diffusion")
    return recipe
