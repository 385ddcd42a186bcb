"""A whole training, from recipe to bundle, of a few steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from monitor.config import UpscaleSettings
from monitor.domain import BundleError
from monitor.inference import Bundle
from monitor.learn.budget import Stopped
from monitor.learn.bundling import write_bundle
from monitor.learn.evaluate import super_resolve
from monitor.learn.plates import Plates
from monitor.learn.recipe import DiffusionTraining, PixelTraining, RegressionTraining
from monitor.learn.trained import TrainedDiffusion
from monitor.learn.training import CHECKPOINT, WEIGHTS, train, train_weights
from monitor.upscale import Upscaler

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(recipe: DiffusionTraining, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished run."""
    out = tmp_path_factory.mktemp("run")
    train(recipe, out, minutes=5, workers=0)
    return out


def weights(run: Path) -> dict[str, torch.Tensor]:
    models = TrainedDiffusion.load(run / WEIGHTS)
    return {**models.unet.state_dict(), **{f"ae.{k}": v for k, v in models.hr_encoder.state_dict().items()}}


def test_the_bundle_is_whole_and_runs(run: Path, recipe: DiffusionTraining) -> None:
    """What training leaves loads with its self-test, says where it comes from, and upscales a plate."""
    bundle = Bundle.load(run / "bundle" / "small")
    manifest = bundle.manifest
    assert manifest.training["data_sha256"]
    assert manifest.training["recipe"] == recipe.model_dump_json()
    assert {"default_sr", "varied_lr_toned", "varied_autoencoder"} <= set(manifest.metrics)
    assert "ncvd" in manifest.metrics["default_sr"]
    assert 0 <= manifest.metrics["calibration"]["coverage_95"] <= 1
    assert {"card", "curves", "samples"} <= set(manifest.files)
    plate = torch.randint(0, 256, (40, 56), dtype=torch.uint8).numpy()
    made = Upscaler.load(bundle, UpscaleSettings(steps=2, threads=1)).upscale(plate, 0)
    assert made.image.shape == plate.shape


def test_stored_weights_are_exact_in_half_precision(run: Path) -> None:
    """What was measured is what is stored: rounding came before the measurement."""
    assert all(torch.equal(p, p.half().float()) for p in TrainedDiffusion.load(run / WEIGHTS).unet.parameters())


def test_a_stopped_run_goes_on(run: Path, recipe: DiffusionTraining, tmp_path: Path) -> None:
    """From a checkpoint before the last stage only that is trained: autoencoders, counts and curves go on."""
    state = torch.load(run / CHECKPOINT, weights_only=True)
    del state["done"]["refine"], state["counts"]["refine"]
    state["curves"]["diffusion"] = [(1, {"loss": 0.5})]
    torch.save(state, tmp_path / CHECKPOINT)
    (tmp_path / "plates").symlink_to(run / "plates")
    bundle = Bundle.load(train(recipe, tmp_path, minutes=5, workers=0))
    before, after = weights(run), weights(tmp_path)
    assert all(torch.equal(before[key], after[key]) for key in before if key.startswith("ae."))
    assert any(not torch.equal(before[key], after[key]) for key in before if not key.startswith("ae."))
    counts = torch.load(tmp_path / CHECKPOINT, weights_only=True)["counts"]
    assert counts == {"autoencoder": 4, "diffusion": 3, "refine": 2}
    curves = json.loads((bundle.directory / "curves.json").read_text(encoding="utf-8"))
    assert curves["diffusion"] == [[1, {"loss": 0.5}]]


def test_weights_of_another_recipe_are_refused(run: Path, recipe: DiffusionTraining) -> None:
    """A warm start from networks of other sizes says which file does not fit."""
    network = recipe.diffusion.network.__class__(16, (1, 2), 1, 16)
    other = recipe.model_copy(update={"diffusion": recipe.diffusion.model_copy(update={"network": network})})
    with pytest.raises(BundleError, match="does not fit the recipe's networks"):
        TrainedDiffusion.untrained(other).load_weights(run / WEIGHTS)


def test_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """A wrong path says so."""
    with pytest.raises(BundleError, match="there is no such file"):
        TrainedDiffusion.load(tmp_path / WEIGHTS)


class After:
    """Asks a training to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left == 0


@pytest.mark.parametrize("kind", ["latent", "pixel", "distilled", "regression"])
def test_a_run_that_was_stopped_gives_the_same_bits(
    kind: str,
    recipe: DiffusionTraining,
    pixel_recipe: PixelTraining,
    regression_recipe: RegressionTraining,
    plates: Plates,
    tmp_path: Path,
) -> None:
    """Stopped in every stage and continued in a new process' place, a training without a limit of time is the same."""
    refine = pixel_recipe.refine.model_copy(update={"distil": (4, 2, 1), "iterations": 6})
    distilled = pixel_recipe.model_copy(update={"refine": refine})
    kinds = {"latent": recipe, "pixel": pixel_recipe, "distilled": distilled, "regression": regression_recipe}
    chosen = kinds[kind]
    whole = train_weights(chosen, tmp_path / "whole", plates, 0)
    stops = 0
    while True:
        try:
            torch.manual_seed(stops)  # whatever the process did before
            parted = train_weights(chosen, tmp_path / "parted", plates, 0, stopped=After(2))
            break
        except Stopped:
            stops += 1
    assert stops >= 2
    for name, part in whole.parts.items():
        other = parted.parts[name].state_dict()
        assert all(torch.equal(value, other[key]) for key, value in part.state_dict().items())


def test_a_bundle_says_below_how_many_steps_it_draws_nothing(
    pixel_recipe: PixelTraining, plates: Plates, tmp_path: Path
) -> None:
    """What was finished for four and two steps has no quality of one."""
    refine = pixel_recipe.refine.model_copy(update={"steps": (4, 2)})
    models = train_weights(pixel_recipe.model_copy(update={"refine": refine}), tmp_path, plates, 0)
    bundle = Bundle.load(write_bundle(models, tmp_path, {}, {}, {}))
    upscaler = Upscaler.load(bundle, UpscaleSettings(steps=4, threads=1, samples=2))
    assert [str(rung) for rung in upscaler.rungs] == ["4 steps, 2 samples", "4 steps, 1 sample", "2 steps, 1 sample"]


@pytest.mark.parametrize("kind", ["pixel", "regression"])
def test_other_kinds_become_bundles_too(
    kind: str, pixel_recipe: PixelTraining, regression_recipe: RegressionTraining, plates: Plates, tmp_path: Path
) -> None:
    """Each kind is exported, passes its self-test and upscales a plate of any size as its weights do."""
    chosen = {"pixel": pixel_recipe, "regression": regression_recipe}[kind]
    models = train_weights(chosen, tmp_path, plates, 0)
    bundle = Bundle.load(write_bundle(models, tmp_path, {}, {}, {}))
    assert bundle.manifest.kind == chosen.kind
    if kind == "pixel":
        assert bundle.manifest.diffusion is not None
        assert bundle.manifest.diffusion.least_steps == 1, "no number of steps was refined alone"
    upscaler = Upscaler.load(bundle, UpscaleSettings(steps=2, threads=1, samples=2))
    plate = plates.lr[0, :33, :50]
    made = upscaler.upscale(plate, 0)
    assert made.image.shape == plate.shape
    assert bool(made.spread.any()) == (kind == "pixel")
    if kind == "regression":
        lr = plates.lr[0, :48, :64].astype("float32") / 255
        expected = super_resolve(models, lr, torch.device("cpu"))
        assert abs(upscaler.upscale(plates.lr[0, :48, :64], 0).mean - expected).max() < 1e-4
