"""From a trained model to a bundle. Owns its files, self-test and manifest; also a command for a kept checkpoint.

`python -m monitor.learn.bundling WEIGHTS --out DIR` makes the bundle again without training or measuring.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.export import Dim

from monitor.inference import (
    Bundle,
    BundleManifest,
    DiffusionTable,
    RegressionTable,
    SelfTestTable,
    file_entries,
    write_manifest,
    write_self_test,
)
from monitor.inference.networks import FACTOR
from monitor.learn.card import write_card
from monitor.learn.export import FORMS, Graph
from monitor.learn.recipe import AnyTraining, RegressionTraining
from monitor.learn.trained import Trained, TrainedDiffusion, TrainedPixel, TrainedRegression, load_trained

Results = dict[str, dict[str, float]]
Facts = dict[str, str | int | float]
Curves = dict[str, list[tuple[int, dict[str, float]]]]
DEGRADE_SIGMA_PX = 2.0
"""Typical blur of the virtual webcam against the plate grid of 100 µm: lens, noise reduction and demosaicking."""


def write_bundle(
    models: Trained,
    out: Path,
    results: Results,
    facts: Facts,
    curves: Curves,
    samples: Path | None = None,
    blur_px: float = DEGRADE_SIGMA_PX,
    form: str = ".onnx",
) -> Path:
    """Export the networks and write a whole bundle, then load it as the product would.

    Args:
        models: of any kind, on the CPU; their weights are rounded to half precision.
        out: the bundle becomes `out/bundle/<name>`.
        results: tables of numbers, from `evaluate`.
        facts: of the training: data digest, seconds, device.
        curves: losses by stage.
        samples: picture of samples for the card, or None.
        blur_px: blur of the webcam against the picture in the training data: σ in pixels.
        form: of the networks' files: ".onnx", ".pt2" (torch.export) or ".safetensors" (weights of our networks).

    Raises:
        BundleError: the export does not agree with torch, or the bundle does not load.
    """
    recipe = models.round_weights().recipe
    directory = out / "bundle" / recipe.name
    directory.mkdir(parents=True, exist_ok=True)
    made = graphs(models)
    files = {role: f"{role}{form}" for role in made}
    parity = {role: FORMS[form](graph, directory / files[role]) for role, graph in made.items()}
    graphs_at = {role: directory / name for role, name in files.items()}
    write_self_test(directory / "self_test.npz", graphs_at, _self_test_inputs(models))
    (directory / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    facts = facts | _training_facts(models) | {f"parity_{role}": value for role, value in parity.items()}
    write_card(directory / "README.md", recipe, results, facts, pictured=samples is not None)
    files |= {"self_test": "self_test.npz", "curves": "curves.json", "card": "README.md"}
    if samples is not None:
        shutil.copyfile(samples, directory / "samples.png")
        files["samples"] = "samples.png"
    write_manifest(directory, _manifest(models, directory, files, results, facts, blur_px))
    Bundle.load(directory)
    return directory


def graphs(models: Trained) -> dict[str, Graph]:
    """The networks that run, by role, with example inputs: batch and size are free."""
    parts, outputs = _parts(models)
    small, other = _self_test_inputs(models, 2, 2, 3), _self_test_inputs(models, 1, 3, 1)
    return {
        role: Graph(
            part.eval().to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
            {name: torch.from_numpy(value) for name, value in small[role].items()},
            outputs[role],
            _free(models, role),
            {name: torch.from_numpy(value) for name, value in other[role].items()},
        )
        for role, part in parts.items()
    }


def _parts(models: Trained) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """Networks and names of their outputs, by role."""
    if isinstance(models, TrainedDiffusion):
        parts = {"encoder": models.lr_encoder, "denoiser": models.unet, "decoder": models.decoder}
        return parts, {"encoder": "condition", "denoiser": "prediction", "decoder": "image"}
    if isinstance(models, TrainedPixel):
        return {"denoiser": models.unet}, {"denoiser": "prediction"}
    assert isinstance(models, TrainedRegression)  # noqa: S101 - there are three kinds
    return {"model": models.network}, {"model": "picture"}


def _free(models: Trained, role: str) -> tuple[dict[int, object], ...]:
    """Which dimensions of a network's inputs are free, and what they are multiples of."""
    batch, rows, cols = Dim("batch", min=1), Dim("rows", min=1), Dim("cols", min=1)

    def sized(times: int) -> dict[int, object]:
        return {0: batch, 2: times * rows, 3: times * cols} if times > 1 else {0: batch, 2: rows, 3: cols}

    if role == "encoder":
        return (sized(FACTOR),)
    if role == "decoder":
        return (sized(1),)
    if role == "model":
        return (sized(models.multiple),)
    inner = models.multiple // (FACTOR if isinstance(models, TrainedDiffusion) else 1)
    return sized(inner), sized(inner), {0: batch}


def _self_test_inputs(
    models: Trained, batch: int = 1, rows: int = 3, cols: int = 2
) -> dict[str, dict[str, np.ndarray]]:
    """Inputs of every network; rows and columns count in the model's multiple, at least 16 pixels."""
    rng = np.random.default_rng(0)
    step = models.multiple * max(1, 16 // models.multiple)
    height, width = rows * step, cols * step

    def noise(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    image = np.clip(0.3 * noise(batch, 1, height, width), -1, 1)
    time = np.linspace(0.25, 1.0, batch, dtype=np.float32)
    if isinstance(models, TrainedRegression):
        return {"model": {"image": image}}
    if isinstance(models, TrainedPixel):
        return {"denoiser": {"noisy": noise(*image.shape), "condition": image, "time": time}}
    latent = (batch, models.recipe.autoencoder.network.latent_channels, height // FACTOR, width // FACTOR)  # type: ignore[union-attr]
    return {
        "encoder": {"image": image},
        "denoiser": {"noisy": noise(*latent), "condition": noise(*latent), "time": time},
        "decoder": {"latent": noise(*latent)},
    }


def _training_facts(models: Trained) -> Facts:
    parts, _ = _parts(models)
    return {
        "recipe": models.recipe.model_dump_json(),
        "torch": str(torch.__version__),
        **_data_words(models.recipe),
        "parameters": sum(p.numel() for part in parts.values() for p in part.parameters()),
    }


def _data_words(recipe: AnyTraining) -> dict[str, str]:
    """The data in words: what was trained on, and what was kept aside."""
    data = recipe.data
    train, held = [], []
    if data.builds:
        last = data.first_seed + data.builds - 1
        unlike = f", {data.synthetic_share:.0%} of them with a synthetic webcam" if data.synthetic_share else ""
        train.append(f"virtual builds, seeds {data.first_seed} to {last}, {data.layers_per_build} layers each{unlike}")
    if data.recorded or data.folders:
        ways = " in several views" if data.views else ""
        train.append(f"real layers of {', '.join((*data.recorded, *data.folders))}{ways}")
    if data.split == "build" and data.validation_builds:
        held.append(f"seeds {data.validation_seed} to {data.validation_seed + data.validation_builds - 1}")
    if data.split == "build" and (data.validation_recorded or data.validation_folders):
        held.append(f"real layers of {', '.join((*data.validation_recorded, *data.validation_folders))}")
    if data.split != "build":
        held.append(f"{1 - data.train_share:.0%} of the {data.split}s of the same builds")
    return {"data": "; ".join(train), "validation": "; ".join(held)}


def _manifest(
    models: Trained, directory: Path, files: dict[str, str], results: Results, facts: Facts, blur_px: float
) -> BundleManifest:
    recipe = models.recipe
    return BundleManifest(
        format=1,
        name=recipe.name,
        version=recipe.version,
        kind=recipe.kind,
        description=recipe.description,
        licence=recipe.licence,
        um_per_px=recipe.data.um_per_px,
        files=file_entries(directory, files),
        self_test=SelfTestTable(atol=2e-3, rtol=1e-3),
        training=dict(facts),
        metrics=results,
        diffusion=_diffusion_table(models, blur_px),
        regression=_regression_table(models, blur_px),
    )


def _diffusion_table(models: Trained, blur_px: float) -> DiffusionTable | None:
    recipe = models.recipe
    if isinstance(recipe, RegressionTraining):
        return None
    latent = isinstance(models, TrainedDiffusion)
    diffusion = recipe.diffusion
    return DiffusionTable(
        prediction=diffusion.prediction,
        schedule=diffusion.schedule,
        target=diffusion.target,
        train_steps=diffusion.train_steps,
        sampler=diffusion.sampler,
        steps=diffusion.steps,
        least_steps=recipe.refine.least_steps,
        channels=models.unet.channels if isinstance(models, TrainedDiffusion | TrainedPixel) else 1,
        factor=FACTOR if latent else 1,
        multiple=models.multiple,
        patch=diffusion.patch,
        degrade_sigma_px=blur_px,
    )


def _regression_table(models: Trained, blur_px: float) -> RegressionTable | None:
    recipe = models.recipe
    if not isinstance(recipe, RegressionTraining):
        return None
    return RegressionTable(multiple=models.multiple, patch=recipe.regression.patch, degrade_sigma_px=blur_px)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m monitor.learn.bundling", description=__doc__)
    parser.add_argument("weights", type=Path, help="weights.safetensors of a run")
    parser.add_argument("--out", type=Path, required=True, help="directory in which bundle/<name> is made")
    parser.add_argument("--form", choices=FORMS, default=".onnx", help="how the networks are stored")
    given = parser.parse_args(argv)
    write_bundle(load_trained(given.weights), given.out, {}, {}, {}, form=given.form)


if __name__ == "__main__":
    main()
