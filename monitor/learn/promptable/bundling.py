"""From trained weights to a segmenter bundle: export, thresholds, measurement, card, picture, manifest.

`python -m monitor.learn.promptable.bundling WEIGHTS --out DIR` makes the bundle of weights that were kept.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from safetensors import safe_open

from monitor.domain import BundleError, PlateGrid
from monitor.inference import (
    Bundle,
    BundleManifest,
    SegmenterModel,
    SegmenterTable,
    SelfTestTable,
    file_entries,
    write_manifest,
    write_self_test,
)
from monitor.learn.plates import Plates, load_plates, requests
from monitor.learn.progress import Progress
from monitor.learn.promptable.card import write_card, write_picture
from monitor.learn.promptable.export import LARGEST_DIFFERENCE, export_pair, parity
from monitor.learn.promptable.layers import VALIDATION_SEED, validation_layers
from monitor.learn.promptable.measure import Case, Table, compare, suitable_thresholds
from monitor.learn.promptable.network import Promptable
from monitor.learn.promptable.real import held_out_real
from monitor.learn.promptable.recipe import SegmenterTraining
from monitor.learn.promptable.scenes import random_layer
from monitor.learn.promptable.upscaled import Images, load_upscaler, upscaled

_OPEN = {"min_iou": 0.0, "min_stability": 0.0}
FILES = {
    "encoder": "encoder.onnx",
    "decoder": "decoder.onnx",
    "self_test": "self_test.npz",
    "card": "README.md",
    "samples": "samples.png",
}


def load_weights(path: Path) -> tuple[Promptable, SegmenterTraining, dict[str, str]]:
    """Read what training wrote: the network in eval mode on the CPU, its recipe, and facts of the run.

    Raises:
        BundleError: there is no such file or it does not fit the network.
    """
    if not path.is_file():
        raise BundleError(f"{path}: there is no such file", cure="train first, or name a weights.safetensors")
    network = Promptable()
    try:
        with safe_open(path, framework="pt") as file:
            facts = dict(file.metadata() or {})
            network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118 - not a dict
    except (OSError, RuntimeError) as error:
        raise BundleError(f"{path}: does not fit the network ({error})", cure="train again") from error
    return network.eval(), SegmenterTraining.model_validate_json(facts.pop("recipe", "{}")), facts


def write_bundle(
    weights: Path,
    out: Path,
    *,
    workers: int = 0,
    elsewhere: Table | None = None,
    chosen: tuple[float, float, float, float] | None = None,
    remarks: str = "",
    store: Path | None = None,
) -> Path:
    """Make a whole bundle and load it as the product would.

    Args:
        weights: as training wrote them.
        out: directory of the run; the bundle becomes `out/bundle/<name>`.
        workers: processes that render held-out layers.
        elsewhere: tables that were measured on other layers, for the card.
        chosen: least predicted IoU and stability, the logit of metal, and least stability of the answer to no prompt,
            set by hand; None finds them on held-out layers.
        remarks: for the card: how choices were made that the recipe does not tell.
        store: directory of the recorded builds that the recipe names; layers of theirs that were not trained on are
            measured and help to find the thresholds.

    Raises:
        BundleError: the export does not agree with torch, or the bundle does not load.
    """
    network, recipe, facts = load_weights(weights)
    directory = out / "bundle" / recipe.name
    directory.mkdir(parents=True, exist_ok=True)
    difference = _exported(network, directory)
    plates = load_plates(
        requests(recipe.data, validation=True), out / "plates", workers=workers, progress=Progress(Console(stderr=True))
    )
    cases = held_out_cases(recipe, plates, upscaled(load_upscaler(recipe.upscale), plates, out / "plates"))
    real = held_out_real(recipe.real, store) if store else []
    model = _provisional(directory, recipe)
    if chosen is None:
        thresholds = suitable_thresholds([*cases[::4], *real, *powder_cases(recipe)], model, model.thresholds)
    else:
        names = ("min_iou", "min_stability", "mask_threshold", "unasked_stability")
        given: dict[str, Any] = dict(zip(names, chosen, strict=True))
        thresholds = replace(model.thresholds, **given)
    results, masks = compare([*cases, *real], model, thresholds)
    results |= elsewhere or {}
    write_picture(directory / FILES["samples"], cases, masks[: len(cases)])
    facts |= {"thresholds": "found on held-out layers" if chosen is None else "set by hand"}
    facts |= {"parity": f"{difference:.2g}", "torch": str(torch.__version__)}
    facts |= {"data": _data(recipe, facts.get("real", ""))}
    write_card(directory / FILES["card"], recipe, results, facts, thresholds, remarks)
    table = _table(
        recipe,
        min_iou=thresholds.min_iou,
        min_stability=thresholds.min_stability,
        mask_threshold=thresholds.mask_threshold,
        unasked_stability=thresholds.unasked_stability,
    )
    write_manifest(directory, _manifest(directory, recipe, table, list(FILES), results, facts))
    Bundle.load(directory)
    return directory


def _exported(network: Promptable, directory: Path) -> float:
    """Write both graphs with their self-test; how far they are from torch at most, in logits."""
    export_pair(network, directory)
    difference = parity(network, directory)
    if difference > LARGEST_DIFFERENCE:
        raise BundleError(f"the export differs from torch by {difference:.3g}", cure="use the pinned torch and onnx")
    graphs = {role: directory / FILES[role] for role in ("encoder", "decoder")}
    write_self_test(directory / FILES["self_test"], graphs, _self_test_inputs(network))
    return difference


def held_out_cases(recipe: SegmenterTraining, plates: Plates, made: Images) -> list[Case]:
    """Layers that no training step saw: virtual ones as cameras and super-resolution show them in turn; drawn ones."""
    cases = []
    for index, mask in enumerate(plates.mask):
        grid = PlateGrid((0.0, 0.0), recipe.data.um_per_px, (mask.shape[0], mask.shape[1]))
        views = [("virtual, high-resolution", plates.hr), ("virtual, webcam", plates.lr)]
        views += [("virtual, super-resolved", made)] if len(made) else []
        group, images = views[index % len(views)]
        cases.append(Case(group, images[index], mask, grid))
    edge = recipe.scenes.size_px
    grid = PlateGrid((0.0, 0.0), recipe.data.um_per_px, (edge, edge))
    return cases + [Case("drawn", drawn.image, drawn.mask, grid) for drawn in validation_layers(recipe.scenes)]


def powder_cases(recipe: SegmenterTraining, count: int = 3) -> list[Case]:
    """Drawn layers without any metal: a threshold must keep them empty."""
    grid = PlateGrid((0.0, 0.0), recipe.data.um_per_px, (recipe.scenes.size_px, recipe.scenes.size_px))
    layers = (random_layer(VALIDATION_SEED - 1 - i, recipe.scenes.size_px, empty=True) for i in range(count))
    return [Case("powder", image, mask, grid) for image, mask in layers]


def _provisional(directory: Path, recipe: SegmenterTraining) -> SegmenterModel:
    """The model without thresholds, to find them."""
    roles = ["encoder", "decoder", "self_test"]
    write_manifest(directory, _manifest(directory, recipe, _table(recipe, **_OPEN), roles, {}, {}))
    return SegmenterModel(Bundle.load(directory), "cpu", torch.get_num_threads())


def _table(recipe: SegmenterTraining, **thresholds: float) -> SegmenterTable:
    grey = {"mean": (0.0, 0.0, 0.0), "std": (255.0, 255.0, 255.0)}
    sizes = {"image_size": recipe.image_size, "unasked_sizes": recipe.unasked_sizes}
    return SegmenterTable.model_validate({**sizes, "channels": 3, **grey, **thresholds})


def _manifest(
    directory: Path,
    recipe: SegmenterTraining,
    table: SegmenterTable,
    roles: list[str],
    results: Table,
    facts: dict[str, str],
) -> BundleManifest:
    return BundleManifest(
        format=1,
        name=recipe.name,
        version=recipe.version,
        kind="segmenter",
        description=recipe.description,
        licence=recipe.licence,
        files=file_entries(directory, {role: FILES[role] for role in roles}),
        self_test=SelfTestTable(atol=5e-3, rtol=1e-3),
        training={**facts, "recipe": recipe.model_dump_json()},
        metrics=results,
        segmenter=table,
    )


def _self_test_inputs(network: Promptable) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    image = np.random.default_rng(0).random((1, 3, 64, 96), dtype=np.float32)
    image[:, 1:] = image[:, :1]
    image[:, :, 16:44, 24:60] *= 0.4
    with torch.no_grad():
        embedding = network.encoder(torch.from_numpy(image)).numpy()
    points = np.array([[[40, 30], [50, 35], [0, 0]], [[10, 60], [0, 0], [0, 0]]], np.float32)
    labels = np.array([[1, 1, -1], [1, -1, -1]], np.float32)
    prompts = {"image_embeddings": embedding, "point_coords": points, "point_labels": labels}
    return {"encoder": {"image": image}, "decoder": prompts}


def _data(recipe: SegmenterTraining, real: str) -> str:
    data, scenes = recipe.data, recipe.scenes
    return (f"{real}; " if real else "") + (
        f"virtual builds, seeds {data.first_seed} to {data.first_seed + data.builds - 1}, {data.layers_per_build} "
        f"layers each, and drawn layers from seed {scenes.first_seed} on; held out: virtual builds, seeds "
        f"{data.validation_seed} to {data.validation_seed + data.validation_builds - 1}, and {scenes.validation} drawn"
    )


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m monitor.learn.promptable.bundling", description=__doc__)
    parser.add_argument("weights", type=Path, help="weights.safetensors of a run")
    parser.add_argument("--out", type=Path, required=True, help="directory in which bundle/<name> is made")
    parser.add_argument("--elsewhere", type=Path, default=None, help="JSON of tables measured on other layers")
    parser.add_argument(
        "--thresholds",
        type=float,
        nargs=4,
        default=None,
        help="least predicted IoU and stability; logit of metal; least stability of the answer to no prompt",
    )
    parser.add_argument("--remarks", type=Path, default=None, help="text for the card")
    parser.add_argument("--store", type=Path, default=None, help="directory of the recorded builds in the recipe")
    given = parser.parse_args(argv)
    elsewhere = json.loads(given.elsewhere.read_text(encoding="utf-8")) if given.elsewhere else None
    remarks = given.remarks.read_text(encoding="utf-8") if given.remarks else ""
    chosen = tuple(given.thresholds) if given.thresholds else None
    write_bundle(given.weights, given.out, elsewhere=elsewhere, chosen=chosen, remarks=remarks, store=given.store)


if __name__ == "__main__":
    main()
