"""All data of a recipe. Owns that training and held-out plates come from its sources and are split as it says."""

from __future__ import annotations

from pathlib import Path

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
        real = real_plates(recipe, store, data, validation=validation)
        return virtual.joined(real) if virtual else real

    plates = load(validation=False)
    if recipe.split == "layer":
        return split_by_layer(plates, recipe.train_share, seed)
    if recipe.split == "part":
        return split_parts(plates, recipe.part_px, recipe.train_share, seed)
    return plates, load(validation=True)
