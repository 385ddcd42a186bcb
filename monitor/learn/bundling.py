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
from torch.export import Dim

from monitor.inference import (
    Bundle,
    BundleManifest,
    DiffusionTable,
    SelfTestTable,
    file_entries,
    write_manifest,
    write_self_test,
)
from monitor.inference.networks import FACTOR
from monitor.learn.card import write_card
from monitor.learn.export import Graph, export_graph
from monitor.learn.trained import TrainedDiffusion

Results = dict[str, dict[str, float]]
Facts = dict[str, str | int | float]
Curves = dict[str, list[tuple[int, dict[str, float]]]]
DEGRADE_SIGMA_PX = 2.0
"""Typical blur of the virtual webcam against the plate grid of 100 µm: lens, noise reduction and demosaicking."""


def write_bundle(
    models: TrainedDiffusion, out: Path, results: Results, facts: Facts, curves: Curves, samples: Path | None = None
) -> Path:
    """Export the networks and write a whole bundle, then load it as the product would.

    Args:
        models: on the CPU; their weights are rounded to half precision.
        out: the bundle becomes `out/bundle/<name>`.
        results: tables of numbers, from `evaluate`.
        facts: of the training: data digest, seconds, device.
        curves: losses by stage.
        samples: picture of samples for the card, or None.

    Raises:
        BundleError: the export does not agree with torch, or the bundle does not load.
    """
    recipe = models.round_weights().recipe
    directory = out / "bundle" / recipe.name
    directory.mkdir(parents=True, exist_ok=True)
    files = {"encoder": "encoder.onnx", "denoiser": "denoiser.onnx", "decoder": "decoder.onnx"}
    parity = {role: export_graph(graph, directory / files[role]) for role, graph in graphs(models).items()}
    graphs_at = {role: directory / name for role, name in files.items()}
    write_self_test(directory / "self_test.npz", graphs_at, _self_test_inputs(models))
    (directory / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    facts = facts | _training_facts(models) | {f"parity_{role}": value for role, value in parity.items()}
    write_card(directory / "README.md", recipe, results, facts, pictured=samples is not None)
    files |= {"self_test": "self_test.npz", "curves": "curves.json", "card": "README.md"}
    if samples is not None:
        shutil.copyfile(samples, directory / "samples.png")
        files["samples"] = "samples.png"
    write_manifest(directory, _manifest(models, directory, files, results, facts))
    Bundle.load(directory)
    return directory


def graphs(models: TrainedDiffusion) -> dict[str, Graph]:
    """The three networks with example inputs: batch and size are free."""
    batch, rows, cols = Dim("batch", min=1), Dim("rows", min=1), Dim("cols", min=1)
    times = 2 ** (len(models.recipe.diffusion.network.multipliers) - 1)
    image = {0: batch, 2: FACTOR * rows, 3: FACTOR * cols}
    latent = {0: batch, 2: times * rows, 3: times * cols}
    free = {0: batch, 2: rows, 3: cols}
    small, other = _self_test_inputs(models, 2, 48, 64), _self_test_inputs(models, 1, 80, 32)
    parts = {"encoder": models.lr_encoder, "denoiser": models.unet, "decoder": models.decoder}
    outputs = {"encoder": "condition", "denoiser": "prediction", "decoder": "image"}
    shapes = {"encoder": (image,), "denoiser": (latent, latent, {0: batch}), "decoder": (free,)}
    return {
        role: Graph(
            part.eval().to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
            {name: torch.from_numpy(value) for name, value in small[role].items()},
            outputs[role],
            shapes[role],
            {name: torch.from_numpy(value) for name, value in other[role].items()},
        )
        for role, part in parts.items()
    }


def _self_test_inputs(
    models: TrainedDiffusion, batch: int = 1, rows: int = 64, cols: int = 48
) -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    channels = models.recipe.autoencoder.network.latent_channels

    def noise(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    latent = (batch, channels, rows // FACTOR, cols // FACTOR)
    time = np.linspace(0.25, 1.0, batch, dtype=np.float32)
    return {
        "encoder": {"image": np.clip(0.3 * noise(batch, 1, rows, cols), -1, 1)},
        "denoiser": {"noisy": noise(*latent), "condition": noise(*latent), "time": time},
        "decoder": {"latent": noise(*latent)},
    }


def _training_facts(models: TrainedDiffusion) -> Facts:
    data, version = models.recipe.data, str(torch.__version__)
    last = data.first_seed + data.builds - 1
    return {
        "recipe": models.recipe.model_dump_json(),
        "torch": version,
        "data": f"virtual builds, seeds {data.first_seed} to {last}, {data.layers_per_build} layers each",
        "validation": f"seeds {data.validation_seed} to {data.validation_seed + data.validation_builds - 1}",
        "parameters": sum(
            p.numel() for part in (models.lr_encoder, models.unet, models.decoder) for p in part.parameters()
        ),
    }


def _manifest(
    models: TrainedDiffusion, directory: Path, files: dict[str, str], results: Results, facts: Facts
) -> BundleManifest:
    recipe = models.recipe
    diffusion = recipe.diffusion
    return BundleManifest(
        format=1,
        name=recipe.name,
        version=recipe.version,
        kind="latent-diffusion",
        description=recipe.description,
        licence=recipe.licence,
        um_per_px=recipe.data.um_per_px,
        files=file_entries(directory, files),
        self_test=SelfTestTable(atol=2e-3, rtol=1e-3),
        training=dict(facts),
        metrics=results,
        diffusion=DiffusionTable(
            prediction=diffusion.prediction,
            schedule=diffusion.schedule,
            train_steps=diffusion.train_steps,
            sampler=diffusion.sampler,
            steps=diffusion.steps,
            channels=recipe.autoencoder.network.latent_channels,
            factor=FACTOR,
            multiple=FACTOR * 2 ** (len(diffusion.network.multipliers) - 1),
            patch=diffusion.patch,
            degrade_sigma_px=DEGRADE_SIGMA_PX,
        ),
    )


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m monitor.learn.bundling", description=__doc__)
    parser.add_argument("weights", type=Path, help="weights.safetensors of a run")
    parser.add_argument("--out", type=Path, required=True, help="directory in which bundle/<name> is made")
    given = parser.parse_args(argv)
    write_bundle(TrainedDiffusion.load(given.weights), given.out, {}, {}, {})


if __name__ == "__main__":
    main()
