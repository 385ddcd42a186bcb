"""Training recipes. Own every choice of a training run as one TOML file; refuse to act on it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from monitor.config.base import Section
from monitor.domain import ConfigError
from monitor.learn.networks import AutoencoderConfig, UNetConfig
from monitor.upscale.sampler import Method, Prediction, Schedule


class DataRecipe(Section):
    """Virtual builds to train on. Splits are by build: no build gives both training and validation layers."""

    builds: int = Field(160, ge=1)
    """Number of virtual builds."""
    layers_per_build: int = Field(2, ge=1)
    """Layers of each."""
    default_share: float = Field(0.4, ge=0.0, le=1.0)
    """Share of builds that look like the default scene; the others vary in everything."""
    first_seed: int = 100_000
    """Seed of the first training build; the others follow."""
    validation_builds: int = Field(12, ge=2)
    """Builds for the evaluation, with the same share of default-like ones."""
    validation_seed: int = 900_000
    """Seed of the first validation build."""
    plate_px: int = Field(1024, ge=64)
    """Edge of the rendered plate, in pixels."""
    um_per_px: float = Field(100.0, gt=0.0)
    """Edge of a pixel, in µm."""
    part_share: float = Field(0.5, ge=0.0, le=1.0)
    """Share of patches that are centred near melted metal; the others lie anywhere."""


class AutoencoderRecipe(Section):
    """Training of the two autoencoders."""

    network: AutoencoderConfig = AutoencoderConfig()
    """Sizes of both."""
    patch: int = Field(128, ge=32)
    """Edge of the patches, in pixels."""
    batch: int = Field(32, ge=1)
    """Patches per step."""
    steps: int = Field(20_000, ge=1)
    """Steps at most."""
    learning_rate: float = Field(4e-4, gt=0.0)
    """Highest learning rate."""
    kl_weight: float = Field(1e-3, ge=0.0)
    """Weight of the mean KL divergence per latent value."""
    perceptual_weight: float = Field(1.0, ge=0.0)
    """Weight of the perceptual loss."""
    discriminator_weight: float = Field(0.5, ge=0.0)
    """Weight of the adversarial loss, after matching the gradients' norms."""
    discriminator_start: float = Field(0.3, ge=0.0, le=1.0)
    """Part of the training after which the adversarial loss is switched on."""
    share: float = Field(0.35, gt=0.0, lt=1.0)
    """Share of the wall time."""


class DiffusionRecipe(Section):
    """Training of the conditional diffusion model in the latent."""

    network: UNetConfig = UNetConfig()
    """Sizes."""
    prediction: Prediction = "v"
    """What the network learns to return."""
    schedule: Schedule = "cosine"
    """Noise schedule."""
    train_steps: int = Field(1000, ge=2)
    """Noise levels of the schedule."""
    sampler: Method = "ddim"
    """Sampler of the finished model."""
    steps: int = Field(4, ge=1)
    """Sampler steps of the finished model."""
    patch: int = Field(192, ge=32)
    """Edge of the patches, in pixels."""
    batch: int = Field(48, ge=1)
    """Patches per step."""
    iterations: int = Field(60_000, ge=1)
    """Training steps at most."""
    learning_rate: float = Field(6e-4, gt=0.0)
    """Highest learning rate."""
    ema: float = Field(0.999, ge=0.0, lt=1.0)
    """Decay of the averaged weights."""

    @model_validator(mode="after")
    def _noise_needs_signal(self) -> DiffusionRecipe:
        if self.prediction == "noise" and self.schedule == "cosine":
            raise ValueError("noise prediction needs the linear schedule: the cosine one ends without any signal")
        return self


class RefineRecipe(Section):
    """Fine-tuning of whole few-step samples, so that few steps keep the grain."""

    share: float = Field(0.4, ge=0.0, lt=1.0)
    """Share of the diffusion model's wall time; 0 leaves it out."""
    iterations: int = Field(10_000, ge=0)
    """Training steps at most."""
    patch: int = Field(128, ge=32)
    """Edge of the patches, in pixels."""
    batch: int = Field(16, ge=1)
    """Patches per step."""
    learning_rate: float = Field(1e-4, gt=0.0)
    """Highest learning rate."""
    latent_weight: float = Field(0.5, ge=0.0)
    """Weight of the energy score of the latents."""
    adversarial_weight: float = Field(0.05, ge=0.0)
    """Weight of the adversarial loss on the decoded samples."""
    diffusion_weight: float = Field(0.5, ge=0.0)
    """Weight of the plain diffusion loss, which keeps other numbers of steps usable."""


class DiffusionTraining(Section):
    """A whole recipe of kind latent-diffusion."""

    kind: Literal["latent-diffusion"]
    """Which training this is."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """Name of the bundle."""
    version: str = "1"
    """Version of the bundle."""
    description: str = "Conditional latent diffusion from webcam to high-resolution camera."
    """One sentence for the manifest."""
    licence: str = "Apache-2.0"
    """Licence of the weights."""
    seed: int = 0
    """Seed of weights, patches and noise."""
    minutes: float = Field(60.0, gt=0.0)
    """Wall time of training, unless the command says otherwise."""
    data: DataRecipe = DataRecipe()
    """The data."""
    autoencoder: AutoencoderRecipe = AutoencoderRecipe()
    """The autoencoders."""
    diffusion: DiffusionRecipe = DiffusionRecipe()
    """The diffusion model."""
    refine: RefineRecipe = RefineRecipe()
    """The fine-tuning of few-step samples."""

    def smoke(self) -> DiffusionTraining:
        """The same recipe, cut down to a few steps on small plates, to see that everything runs."""
        data = self.data.model_copy(
            update={"builds": 2, "layers_per_build": 1, "validation_builds": 2, "plate_px": 256}
        )
        autoencoder = self.autoencoder.model_copy(update={"steps": 6, "batch": 4, "patch": 64})
        diffusion = self.diffusion.model_copy(update={"iterations": 4, "batch": 4, "patch": 64})
        refine = self.refine.model_copy(update={"iterations": 2, "batch": 2, "patch": 64})
        update = {"data": data, "autoencoder": autoencoder, "diffusion": diffusion, "refine": refine}
        return self.model_copy(update=update)


def load_recipe(path: Path) -> DiffusionTraining:
    """Read a recipe.

    Raises:
        ConfigError: the file cannot be read or a key or value is wrong.
    """
    try:
        return DiffusionTraining.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})", cure="give the path of a recipe") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", cure="correct the syntax there") from error
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{path}: {lines}", cure="correct these keys") from error
