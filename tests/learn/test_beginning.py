"""What a super-resolution training begins with: a finished bundle gives back the weights that it was made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monitor.domain import BundleError
from monitor.inference import Bundle
from monitor.learn.beginning import begin_with, named
from monitor.learn.bundling import write_bundle
from monitor.learn.recipe import AnyTraining, DiffusionTraining, PixelTraining, RegressionTraining
from monitor.learn.trained import Trained, untrained


def made(recipe: AnyTraining, seed: int) -> Trained:
    """A model with weights of a seed, as different from each other as trained ones, rounded as a bundle's are."""
    torch.manual_seed(seed)
    models = untrained(recipe)
    with torch.no_grad():
        for part in models.parts.values():
            for parameter in part.parameters():
                parameter += 0.02 * torch.randn_like(parameter)
    return models.round_weights()


def bundle_of(recipe: AnyTraining, out: Path, form: str = ".onnx") -> tuple[Trained, Path]:
    """A model and the bundle of it."""
    models = made(recipe, 1)
    return models, write_bundle(models, out, {}, {}, {}, form=form)


def differs(one: Trained, other: Trained) -> bool:
    """Whether any weight does."""
    return any(
        not torch.equal(a, b)
        for name, part in one.parts.items()
        for a, b in zip(part.state_dict().values(), other.parts[name].state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("form", [".onnx", ".safetensors"])
@pytest.mark.parametrize("kind", ["pixel", "regression"])
def test_a_bundle_gives_back_its_weights(
    form: str, kind: str, pixel_recipe: PixelTraining, regression_recipe: RegressionTraining, tmp_path: Path
) -> None:
    """Every weight is the same to the bit, in either form of the networks' files."""
    recipe = pixel_recipe if kind == "pixel" else regression_recipe
    models, bundle = bundle_of(recipe, tmp_path, form)
    begun = made(recipe, 2)
    assert differs(begun, models)
    begin_with(begun, bundle)
    assert not differs(begun, models)
    assert named(bundle) == f"the weights of {Bundle.read(bundle).label}"


def test_a_bundle_that_does_not_fit_is_refused(
    recipe: DiffusionTraining, pixel_recipe: PixelTraining, regression_recipe: RegressionTraining, tmp_path: Path
) -> None:
    """Another kind, another size, a program without names, and a latent diffusion say why and what to use."""
    _, bundle = bundle_of(pixel_recipe, tmp_path)
    with pytest.raises(BundleError, match=r"bundle of pixel-diffusion does not hold all .* training of regression"):
        begin_with(made(regression_recipe, 2), bundle)
    network = pixel_recipe.diffusion.network.__class__(16, (1, 2), 1, 16, 4)
    larger = pixel_recipe.model_copy(
        update={"diffusion": pixel_recipe.diffusion.model_copy(update={"network": network})}
    )
    with pytest.raises(BundleError, match=r"denoiser\.onnx: does not fit the recipe's network"):
        begin_with(made(larger, 2), bundle)
    _, program = bundle_of(pixel_recipe, tmp_path / "program", ".pt2")
    with pytest.raises(BundleError, match=r"denoiser\.pt2: weights are read back from \.onnx and \.safetensors alone"):
        begin_with(made(pixel_recipe, 2), program)
    _, latent = bundle_of(recipe, tmp_path / "latent")
    with pytest.raises(BundleError, match="does not hold all"):
        begin_with(made(recipe, 2), latent)
