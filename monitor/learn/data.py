"""All data of a recipe. Owns that training and held-out plates come from its sources and are split as it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from monitor.learn.degradation import synthetic
from monitor.learn.plates import Plates, load_plates, requests
from monitor.learn.progress import Progress
from monitor.learn.real_plates import real_plates
from monitor.learn.recipe import DataRecipe
from monitor.learn.splitting import split_by_layer, split_parts


def load_data(
    recipe: DataRecipe,
    seed: int,
    cache: Path,
    *,
    store: Path | None = None,
    data: Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> tuple[Plates, Plates]:
    """Training and held-out plates.

    Args:
        recipe: sources and split.
        seed: of the split.
        cache: directory of rendered plates.
        store: directory of the recorded builds that the recipe names.
        data: directory of the folders of pictures that it names.
        workers: processes that render; 0 renders in this one.
        progress: shows how far it is.

    Raises:
        ConfigError: something is not there, or cannot be split so.
    """

    def load(*, validation: bool) -> Plates:
        wanted = requests(recipe, validation=validation)
        virtual = load_plates(wanted, cache, workers=workers, progress=progress) if wanted else None
        if virtual and not validation:
            virtual = partly_synthetic(virtual, recipe)
        real = real_plates(recipe, store, data, validation=validation)
        return virtual.joined(real) if virtual else real

    plates = load(validation=False)
    if recipe.split == "layer":
        return split_by_layer(plates, recipe.train_share, seed)
    if recipe.split == "part":
        return split_parts(plates, recipe.part_px, recipe.train_share, seed)
    return plates, load(validation=True)


def partly_synthetic(plates: Plates, recipe: DataRecipe) -> Plates:
    """Plates of which a share, spread evenly, has a synthetic webcam's image in place of its own."""
    lr, views = plates.lr.copy(), recipe.views or (recipe,)
    chosen = [k for k in range(len(lr)) if int((k + 1) * recipe.synthetic_share) > int(k * recipe.synthetic_share)]
    for number, k in enumerate(chosen):
        seed = int(plates.build[k]), int(plates.layer[k])
        lr[k] = synthetic(plates.hr[k], views[number % len(views)], seed)
    return replace(plates, lr=lr)
