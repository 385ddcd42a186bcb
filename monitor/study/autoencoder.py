"""Table 5, Figure 15: what an autoencoder can give back, by the size of its latent. Owns this comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monitor.domain import Image
from monitor.learn.networks import Autoencoder
from monitor.learn.recipe import DiffusionTraining
from monitor.learn.train_autoencoder import reconstructed
from monitor.study.data import LayerPair
from monitor.study.desk import Desk, whole_plates
from monitor.study.figures import image_grid
from monitor.study.findings import Cell, Findings, Table
from monitor.study.paper import TABLE_5
from monitor.study.quality import (
    COLUMNS,
    KEYS,
    NOTE,
    PATCH_PX,
    cells,
    cut,
    measured_images,
    paper_row,
    place,
    random_corners,
)
from monitor.study.training import recipe_named, train_encoding

_SHOWN = 3


def run(desk: Desk) -> Findings:
    """Train an HR autoencoder for each size of latent, and compare what it gives back with HR."""
    found = Findings("Autoencoders by the size of their latent (Table 5, Figure 15)")
    if not desk.plan.train.latent:
        found.missing("Table 5 and Figure 15", f"size '{desk.size}' trains no autoencoder")
        return found
    layers = desk.test_layers("A")
    rows: list[tuple[Cell, ...]] = []
    shown: dict[str, Image] = {}
    for factor in desk.plan.sweep.latent_factors:
        size = f"{PATCH_PX // factor} × {PATCH_PX // factor}"
        network, cost = _trained(desk, factor, size)
        made = [_given_back(network, pair) for pair in layers]
        rows.append(
            (f"{size}, {desk.plan.train.size}, trained for {cost}", *cells(measured_images(desk, made, layers)))
        )
        shown[size] = made[0]
    printed = [paper_row(f"paper, {name}", row, KEYS) for name, row in TABLE_5.items()]
    note = f"HR of data set A through its own autoencoder, no diffusion, {len(layers)} held-out layers. {NOTE}"
    title = "Autoencoders: HR given back (Table 5)"
    found.tables.append(
        Table("autoencoder-A", title, ("latent of a patch of 64 × 64", *COLUMNS), (*rows, *printed), note)
    )
    corners = random_corners(layers[0], _SHOWN, desk.plan.seed)
    pictures = [*shown.values(), layers[0].hr]
    grid = {place(c): [cut(image, c) for image in pictures] for c in corners}
    found.figures.append(
        image_grid("autoencoder-A", "HR patches through autoencoders (as Figure 15)", grid, [*shown, "HR"])
    )
    found.remarks.append("The HR autoencoder caps what any latent diffusion with it can reach.")
    return found


def _trained(desk: Desk, factor: int, size: str) -> tuple[Autoencoder, str]:
    """The autoencoder of so many pixels per latent pixel, and what its training cost."""
    recipe = recipe_named(desk.plan.train.latent, DiffusionTraining).autoencoder
    recipe = recipe.model_copy(update={"network": replace(recipe.network, factor=factor)})
    network, digest, cost = train_encoding(recipe, whole_plates(desk.data_set("A").train), desk.plan, desk.cache)
    desk.used[f"autoencoder {size}: {recipe.steps} steps at most, trained here for {cost}"] = digest
    return network, cost


def _given_back(network: Autoencoder, pair: LayerPair) -> Image:
    made = reconstructed(network, pair.hr.astype(np.float32) / np.float32(255))
    return np.asarray(np.rint(made * 255), np.uint8)
