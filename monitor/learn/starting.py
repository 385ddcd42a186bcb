"""One door to every training. Owns which training a recipe asks for; refuses to know what it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from monitor.learn import training
from monitor.learn.promptable import train as train_segmenter
from monitor.learn.promptable.recipe import load_segmenter_recipe
from monitor.learn.reading import read_toml
from monitor.learn.recipe import load_recipe


def train_recipe(
    path: Path,
    out: Path,
    minutes: float | None = None,
    *,
    warm_start: Path | None = None,
    store: Path | None = None,
    data: Path | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """Train what the recipe describes; a run in `out` is continued.

    Args:
        path: recipe (TOML) of kind latent-diffusion, pixel-diffusion, regression or segmenter.
        out: directory of checkpoints and of the bundle.
        minutes: wall time; the recipe's own by default.
        warm_start: weights to begin with: a former run's weights.safetensors, or a bundle's directory.
        store: directory of the recorded builds that the recipe names.
        data: directory of the picture folders that it names.
        stopped: asked after each step of a super-resolution; when it says so, the run is kept and ends.

    Returns:
        The path of what it made: a bundle, or weights that become one.

    Raises:
        ConfigError: the recipe cannot be read, or a key or value is wrong.
        BundleError: the weights to begin with do not fit.
        Stopped: the run was stopped; the same call continues it.
    """
    if read_toml(path).get("kind") == "segmenter":
        segmenter = load_segmenter_recipe(path)
        return train_segmenter.train(segmenter, out, minutes, warm_start=warm_start, store=store, data=data)
    recipe = load_recipe(path)
    return training.train(recipe, out, minutes, warm_start=warm_start, store=store, data=data, stopped=stopped)
