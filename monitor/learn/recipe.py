"""Training recipes. Own every choice of a training run as one TOML file; refuse to act on it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, TypeAdapter, model_validator

from monitor.config.base import Section
from monitor.learn.networks import AutoencoderConfig, UNetConfig
from monitor.learn.reading import read_recipe
from monitor.upscale.sampler import PAIRS, Method, Prediction, Schedule


class SightRecipe(Section):
    """How a synthetic webcam sees a high-resolution picture."""

    shrink: float = Field(1.0, ge=1.0, le=16.0)
    """The high-resolution picture is averaged down by this factor first (the paper: to the webcam's size)."""
    ratio: float = Field(5.1, ge=1.0, le=32.0)
    """How much coarser the synthetic webcam is than the high-resolution picture after `shrink` (the paper's n)."""
    sigma_px: float = Field(1.0, ge=0.0, le=32.0)
    """σ of the synthetic webcam's Gaussian blur, in its own, coarse pixels."""
    degradation: Literal["gaussian", "webcam"] = "gaussian"
    """gaussian: the paper's, ratio and blur. webcam: also shading, tone, noise, its reduction, sharpening and JPEG."""


class ViewRecipe(SightRecipe):
    """One of several ways in which the same pictures are seen."""

    folders: tuple[str, ...] = ()
    """Folders whose pictures are seen so; none for all."""
    times: int = Field(1, ge=1)
    """How often, each time by another webcam where the degradation is the webcam's."""


class DataRecipe(SightRecipe):
    """What is trained on: virtual builds, recorded builds and folders of pictures, any of them together.

    A recorded build with both cameras gives real pairs. Of one with the high-resolution camera alone, and of pictures,
    the webcam's image is synthesised.
    """

    builds: int = Field(160, ge=0)
    """Number of virtual builds; 0 for none."""
    layers_per_build: int = Field(2, ge=1)
    """Layers of each."""
    default_share: float = Field(0.4, ge=0.0, le=1.0)
    """Share of builds that look like the default scene; the others vary in everything."""
    first_seed: int = 100_000
    """Seed of the first training build; the others follow."""
    validation_builds: int = Field(12, ge=0)
    """Virtual builds for the evaluation (split by build), with the same share of default-like ones."""
    validation_seed: int = 900_000
    """Seed of the first validation build."""
    plate_px: int = Field(1024, ge=64)
    """Edge of the rendered plate, and of the squares that real layers are cut into, in pixels."""
    um_per_px: float = Field(100.0, gt=0.0)
    """Edge of a pixel, in µm."""
    recorded: tuple[str, ...] = ()
    """Ends of the ids of recorded builds, in the store that the command names."""
    validation_recorded: tuple[str, ...] = ()
    """Recorded builds for the evaluation (split by build)."""
    folders: tuple[str, ...] = ()
    """Folders of high-resolution pictures, in the directory that the command names; each one is a build."""
    validation_folders: tuple[str, ...] = ()
    """Folders for the evaluation (split by build)."""
    views: tuple[ViewRecipe, ...] = ()
    """Ways in which the folders that train are seen, each in every way that names it; none: once, as is said here. The
    folders for the evaluation are always seen as is said here."""
    synthetic_share: float = Field(0.0, ge=0.0, le=1.0)
    """Share of virtual layers that train of which the webcam's image is not the virtual printer's but synthetic, in
    each of `views` in turn, without their `shrink`."""
    split: Literal["build", "layer", "part"] = "build"
    """What tells training from validation: whole builds, layers of each build, or parts of each build."""
    train_share: float = Field(0.8, gt=0.0, lt=1.0)
    """Share of layers or parts that train."""
    layout: Literal["patches", "parts"] = "patches"
    """patches: squares from anywhere on the plate. parts: one picture a part, resized to `part_px`."""
    part_px: int = Field(128, ge=32)
    """Edge of a part's picture, in pixels."""
    patches_per_layer: int = Field(0, ge=0)
    """So many fixed random patches of each layer (the paper: 115); 0 draws new ones each time."""
    part_share: float = Field(0.5, ge=0.0, le=1.0)
    """Share of patches that are centred near melted metal; the others lie anywhere."""

    @model_validator(mode="after")
    def _something_to_learn_from(self) -> DataRecipe:
        if not (self.builds or self.recorded or self.folders):
            raise ValueError("there is nothing to train on: name virtual builds, recorded builds or folders")
        if self.split == "build" and not (
            self.validation_builds or self.validation_recorded or self.validation_folders
        ):
            raise ValueError("a split by build needs validation builds or folders")
        if (self.split == "part") != (self.layout == "parts"):
            raise ValueError("a split by part goes with the layout 'parts', and that layout with this split")
        shared = set(self.recorded) & set(self.validation_recorded) | set(self.folders) & set(self.validation_folders)
        if shared:
            raise ValueError(f"{', '.join(sorted(shared))} cannot both train and validate")
        if unknown := {name for view in self.views for name in view.folders} - set(self.folders):
            raise ValueError(f"views: {', '.join(sorted(unknown))} is not among the folders that train")
        if self.views and (unseen := [name for name in self.folders if not self.views_of(name)]):
            raise ValueError(f"views: none names the folder {', '.join(unseen)}")
        return self

    def views_of(self, folder: str) -> tuple[ViewRecipe, ...]:
        """The views of a folder that trains."""
        return tuple(view for view in self.views if folder in view.folders or not view.folders)


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
    """Training of the conditional diffusion model, in latents or in pixels."""

    network: UNetConfig = UNetConfig()
    """Sizes."""
    prediction: Prediction = "v"
    """What the network learns to return."""
    schedule: Schedule = "cosine"
    """Noise schedule."""
    target: Literal["picture", "residual"] = "picture"
    """What is diffused: the picture, or its difference from the webcam's image (pixels only; ResShift's choice)."""
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
    iterations: int = Field(60_000, ge=0)
    """Training steps at most; 0 where a model that is trained already is only finished for few steps."""
    learning_rate: float = Field(6e-4, gt=0.0)
    """Highest learning rate."""
    ema: float = Field(0.999, ge=0.0, lt=1.0)
    """Decay of the averaged weights."""

    @model_validator(mode="after")
    def _known_way(self) -> DiffusionRecipe:
        if self.prediction not in PAIRS[self.schedule]:
            allowed = ", ".join(sorted(PAIRS[self.schedule]))
            raise ValueError(f"prediction '{self.prediction}' does not go with schedule '{self.schedule}': {allowed}")
        if self.schedule == "shift" and self.target != "residual":
            raise ValueError("the schedule 'shift' starts from the webcam's picture: it needs target = \"residual\"")
        if self.steps > self.train_steps:
            raise ValueError(f"steps must not exceed the schedule's {self.train_steps}")
        return self


class RefineRecipe(Section):
    """Fine-tuning of whole few-step samples, so that few steps keep the grain."""

    share: float = Field(0.4, ge=0.0, lt=1.0)
    """Share of the diffusion model's wall time; 0 leaves it out."""
    steps: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Numbers of sampler steps whose samples are refined in turn, so that each of them keeps the grain; those that the
    model is finished with alone where none are named."""
    distil: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Instead of that: numbers of sampler steps, each half of the one before (64, 32, 16, 8, 4), down which the model
    is distilled in turn (Salimans & Ho 2022): a step learns to do what two of the former ones did."""
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

    @property
    def least_steps(self) -> int:
        """The fewest sampler steps that the model is finished for; 1 where it is not finished for any number."""
        return min(self.distil or self.steps, default=1) if self.share > 0 else 1

    @model_validator(mode="after")
    def _halves(self) -> RefineRecipe:
        if any(before != 2 * after for before, after in pairwise(self.distil)):
            raise ValueError("distil: each number of steps is half of the one before, such as [64, 32, 16, 8, 4]")
        return self


class RegressionRecipe(Section):
    """Training of the deterministic baseline."""

    network: UNetConfig = UNetConfig(shuffle=4)
    """Sizes."""
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
    loss: Literal["l1", "l2"] = "l1"
    """Error that it minimises: l1 learns the median of what could be there, l2 the mean."""
    perceptual_weight: float = Field(0.0, ge=0.0)
    """Weight of the perceptual loss."""


class Training(Section):
    """What every recipe of super-resolution says."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """Name of the bundle."""
    version: str = "1"
    """Version of the bundle."""
    description: str = "From webcam to high-resolution camera."
    """One sentence for the manifest."""
    licence: str = "Apache-2.0"
    """Licence of the weights."""
    seed: int = 0
    """Seed of weights, patches, splits and noise."""
    minutes: float = Field(60.0, ge=0.0)
    """Wall time of training, unless the command says otherwise; 0 for as long as its steps take. Only then does a run
    that was stopped and continued give the same bits as one that was not."""
    data: DataRecipe = DataRecipe()
    """The data."""

    def smoke(self) -> Self:
        """The same recipe, cut down to a few steps on small plates, to see that everything runs."""
        data = {"builds": min(2, self.data.builds), "layers_per_build": 1, "plate_px": 256}
        cut: dict[str, dict[str, int]] = {
            "data": data | {"validation_builds": min(2, self.data.validation_builds)},
            "autoencoder": {"steps": 6, "batch": 4, "patch": 64},
            "diffusion": {"iterations": 4, "batch": 4, "patch": 64},
            "regression": {"iterations": 4, "batch": 4, "patch": 64},
            "refine": {"iterations": 2, "batch": 2, "patch": 64},
        }
        parts = {name: getattr(self, name) for name in cut if hasattr(self, name)}
        return self.model_copy(update={name: part.model_copy(update=cut[name]) for name, part in parts.items()})


def _check_distillation(diffusion: DiffusionRecipe, refine: RefineRecipe) -> None:
    if 2 * max(refine.distil, default=0) > diffusion.train_steps:
        raise ValueError(f"refine.distil: the first teacher has no more than train_steps = {diffusion.train_steps}")


class DiffusionTraining(Training):
    """A whole recipe of kind latent-diffusion."""

    kind: Literal["latent-diffusion"]
    """Which training this is."""
    autoencoder: AutoencoderRecipe = AutoencoderRecipe()
    """The autoencoders."""
    diffusion: DiffusionRecipe = DiffusionRecipe()
    """The diffusion model."""
    refine: RefineRecipe = RefineRecipe()
    """The fine-tuning of few-step samples."""

    @model_validator(mode="after")
    def _latents_have_their_own_space(self) -> DiffusionTraining:
        if self.diffusion.target == "residual":
            raise ValueError('diffusion.target: "residual" needs webcam and picture in one space: kind pixel-diffusion')
        if self.diffusion.network.shuffle != 1:
            raise ValueError("diffusion.network.shuffle: latents are not shuffled")
        _check_distillation(self.diffusion, self.refine)
        return self


class PixelTraining(Training):
    """A whole recipe of kind pixel-diffusion."""

    kind: Literal["pixel-diffusion"]
    """Which training this is."""
    diffusion: DiffusionRecipe = DiffusionRecipe(network=UNetConfig(shuffle=4))
    """The diffusion model."""
    refine: RefineRecipe = RefineRecipe(share=0.0)
    """The fine-tuning of few-step samples."""

    @model_validator(mode="after")
    def _teachers_fit_the_schedule(self) -> PixelTraining:
        _check_distillation(self.diffusion, self.refine)
        return self


class RegressionTraining(Training):
    """A whole recipe of kind regression."""

    kind: Literal["regression"]
    """Which training this is."""
    regression: RegressionRecipe = RegressionRecipe()
    """The model."""


AnyTraining = DiffusionTraining | PixelTraining | RegressionTraining
RECIPE: TypeAdapter[AnyTraining] = TypeAdapter(Annotated[AnyTraining, Discriminator("kind")])


def load_recipe(path: Path) -> AnyTraining:
    """Read a recipe.

    Raises:
        ConfigError: the file cannot be read or a key or value is wrong.
    """
    return read_recipe(path, RECIPE.validate_python)
