"""What a training consists of, by kind: its trainers and its stages. Owns their order; knows no time and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from torch import Tensor, nn

from monitor.learn.autoencoding import AutoencoderTrainer
from monitor.learn.diffusing import DiffusionTrainer, Space
from monitor.learn.latent import measure_scale
from monitor.learn.networks import Scale
from monitor.learn.parallel import Team
from monitor.learn.patches import PatchSampler
from monitor.learn.recipe import DiffusionRecipe, RefineRecipe
from monitor.learn.regressing import RegressionTrainer
from monitor.learn.trained import Trained, TrainedDiffusion, TrainedPixel, TrainedRegression

REPORT_EVERY = 100
Losses = dict[str, float] | None


class Trainer(Protocol):
    """Trains networks step by step."""

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """Everything that learns."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a state."""
        ...


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage.

    Attributes:
        name: of the stage.
        share: of the whole wall time.
        steps: at most.
        step: does one, given its number from 0 and the fraction of the stage that is done.
    """

    name: str
    share: float
    steps: int
    step: Callable[[int, float], Losses]


class Plan(Protocol):
    """A training of one kind."""

    trainers: Mapping[str, Trainer]

    @property
    def stages(self) -> list[StagePlan]:
        """The stages, in order."""
        ...

    def begin(self, stage: str) -> None:
        """Prepare the networks for a stage."""
        ...

    def pause(self, stage: str) -> None:
        """Bring in line what depends on what this stage has learnt so far."""
        ...

    def trained(self) -> Trained:
        """The networks as they are now, with running averages."""
        ...

    def extra(self) -> dict[str, Tensor]:
        """What else a resumed run needs."""
        ...

    def restore_extra(self, extra: Mapping[str, Tensor]) -> None:
        """Take it over."""
        ...


class RegressionPlan:
    """One stage."""

    def __init__(self, models: TrainedRegression, patches: PatchSampler, team: Team) -> None:
        self._models, self._patches, self._recipe = models, patches, models.recipe.regression
        self._trainer = RegressionTrainer(models.network, self._recipe, team)
        self.trainers: Mapping[str, Trainer] = {"regression": self._trainer}

    @property
    def stages(self) -> list[StagePlan]:
        """The only one."""
        return [StagePlan("regression", 1.0, self._recipe.iterations, self._step)]

    def _step(self, number: int, fraction: float) -> Losses:
        batch = self._patches.draw(self._recipe.batch, self._recipe.patch)
        return self._trainer.step(batch, fraction, report=_told(number))

    def begin(self, stage: str) -> None:
        """Nothing to prepare."""

    def pause(self, stage: str) -> None:
        """Nothing depends on the network."""

    def trained(self) -> Trained:
        """With the running average."""
        return replace(self._models, network=self._trainer.average)

    def extra(self) -> dict[str, Tensor]:
        """Nothing else."""
        return {}

    def restore_extra(self, extra: Mapping[str, Tensor]) -> None:
        """Nothing else."""


class PixelPlan:
    """Diffusion of pixels, then the refinement of few-step samples where it has a share."""

    def __init__(self, models: TrainedPixel, patches: PatchSampler, team: Team) -> None:
        self._models, self._patches = models, patches
        recipe = models.recipe
        self._diffusion = DiffusionTrainer(models.unet, Space(), recipe.diffusion, recipe.refine, team)
        self.trainers: Mapping[str, Trainer] = {"diffusion": self._diffusion}

    @property
    def stages(self) -> list[StagePlan]:
        """Diffusion and refinement."""
        recipe = self._models.recipe
        return _diffusion_stages(self._diffusion, self._patches, recipe.diffusion, recipe.refine, 1.0)

    def begin(self, stage: str) -> None:
        """Nothing to prepare."""

    def pause(self, stage: str) -> None:
        """Nothing depends on the network."""

    def trained(self) -> Trained:
        """With the running average."""
        return replace(self._models, unet=self._diffusion.average)

    def extra(self) -> dict[str, Tensor]:
        """Nothing else."""
        return {}

    def restore_extra(self, extra: Mapping[str, Tensor]) -> None:
        """Nothing else."""


class LatentPlan:
    """Autoencoders, their scale, diffusion of latents, refinement of few-step samples."""

    def __init__(self, models: TrainedDiffusion, patches: PatchSampler, team: Team) -> None:
        self._models, self._patches = models, patches
        recipe = self._recipe = models.recipe
        space = Space(models.lr_encoder, models.hr_encoder, models.decoder)
        self._lr = AutoencoderTrainer(models.lr_encoder.autoencoder, recipe.autoencoder, team)
        self._hr = AutoencoderTrainer(models.hr_encoder.autoencoder, recipe.autoencoder, team)
        self._diffusion = DiffusionTrainer(models.unet, space, recipe.diffusion, recipe.refine, team)
        self.trainers: Mapping[str, Trainer] = {"lr": self._lr, "hr": self._hr, "diffusion": self._diffusion}

    @property
    def stages(self) -> list[StagePlan]:
        """The autoencoders, then the diffusion's."""
        recipe = self._recipe
        first = StagePlan("autoencoder", recipe.autoencoder.share, recipe.autoencoder.steps, self._encode)
        left = 1 - recipe.autoencoder.share
        return [first, *_diffusion_stages(self._diffusion, self._patches, recipe.diffusion, recipe.refine, left)]

    def _encode(self, number: int, fraction: float) -> Losses:
        """One step of the HR autoencoder; the LR one, whose images are smooth, learns at every third."""
        stage = self._recipe.autoencoder
        batch = self._patches.draw(stage.batch, stage.patch)
        if number % 3 == 0:
            self._lr.step(batch.lr, fraction)
        return self._hr.step(batch.hr, fraction, report=_told(number))

    def begin(self, stage: str) -> None:
        """After their own stage the autoencoders are frozen."""
        if stage != "autoencoder":
            for part in (self._models.lr_encoder, self._models.hr_encoder, self._models.decoder):
                part.requires_grad_(False).eval()

    def pause(self, stage: str) -> None:
        """Measure the latents' component-wise mean and deviation."""
        if stage == "autoencoder":
            recipe = self._recipe.autoencoder
            with self._patches.aside():
                batches = [self._patches.draw(recipe.batch, recipe.patch) for _ in range(8)]
            lr = measure_scale(self._models.lr_encoder.autoencoder, (batch.lr for batch in batches))
            hr = measure_scale(self._models.hr_encoder.autoencoder, (batch.hr for batch in batches))
            self._models.set_scales(lr, hr)

    def trained(self) -> Trained:
        """With the U-Net's running average."""
        return replace(self._models, unet=self._diffusion.average)

    def extra(self) -> dict[str, Tensor]:
        """The latents' scales."""
        encoders = {"lr": self._models.lr_encoder, "hr": self._models.hr_encoder}
        return {f"{name}_{what}": getattr(part, what) for name, part in encoders.items() for what in ("mean", "std")}

    def restore_extra(self, extra: Mapping[str, Tensor]) -> None:
        """The latents' scales."""
        self._models.set_scales(*(Scale(extra[f"{name}_mean"], extra[f"{name}_std"]) for name in ("lr", "hr")))


def plan_of(models: Trained, patches: PatchSampler, team: Team) -> Plan:
    """The plan for untrained models of any kind."""
    if isinstance(models, TrainedDiffusion):
        return LatentPlan(models, patches, team)
    if isinstance(models, TrainedPixel):
        return PixelPlan(models, patches, team)
    assert isinstance(models, TrainedRegression)  # noqa: S101 - there are three kinds
    return RegressionPlan(models, patches, team)


def _diffusion_stages(
    trainer: DiffusionTrainer, patches: PatchSampler, recipe: DiffusionRecipe, refine: RefineRecipe, share: float
) -> list[StagePlan]:
    def plain(number: int, fraction: float) -> Losses:
        return trainer.step(patches.draw(recipe.batch, recipe.patch), fraction, report=_told(number))

    def refined(number: int, fraction: float) -> Losses:
        return trainer.refine_step(patches.draw(refine.batch, refine.patch), fraction, report=_told(number))

    def distilled(number: int, fraction: float) -> Losses:
        return trainer.distil_step(patches.draw(refine.batch, refine.patch), fraction, report=_told(number))

    stages = [StagePlan("diffusion", share * (1 - refine.share), recipe.iterations, plain)]
    if refine.share > 0:
        last = distilled if refine.distil else refined
        stages.append(StagePlan("refine", share * refine.share, refine.iterations, last))
    return stages


def _told(number: int) -> bool:
    return (number + 1) % REPORT_EVERY == 0
