"""Trained super-resolution models: networks of one kind with their scales, in one safetensors file.

Owns what is kept of a training run for export and for warm starts, and one sample in torch; refuses to know optimisers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from monitor.domain import BundleError
from monitor.inference.networks import FACTOR
from monitor.learn.networks import Autoencoder, ConditionalUNet, Decoder, Encoder, Regression, Scale
from monitor.learn.precision import prepared
from monitor.learn.recipe import (
    RECIPE,
    AnyTraining,
    DiffusionRecipe,
    DiffusionTraining,
    PixelTraining,
    RegressionTraining,
)
from monitor.upscale.sampler import Level, levels, sample, spaced


class Trained(ABC):
    """What every kind of model can do."""

    recipe: AnyTraining

    @property
    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """The networks whose weights are kept, by name."""

    @property
    @abstractmethod
    def multiple(self) -> int:
        """Heights and widths of images are multiples of this, in pixels."""

    @abstractmethod
    def super_resolve(self, lr: Tensor, seed: int, steps: int = 0) -> Tensor:
        """One picture of (B, 1, h, w) in [-1, 1], about the same range; `steps` are the recipe's by default."""

    def reconstruct(self, hr: Tensor) -> Tensor | None:
        """What the model's own autoencoder makes of an HR image: its ceiling. None where there is none."""
        return None

    def settle(self) -> None:
        """Bring what depends on the kept weights in line with them."""
        return

    @torch.no_grad()
    def round_weights(self) -> Self:
        """Round every weight to half precision, in which they are stored; they stay float32 tensors."""
        for part in self.parts.values():
            for parameter in part.parameters():
                parameter.copy_(parameter.half().float())
        return self

    def to(self, device: torch.device) -> Self:
        """Move everything, channels last."""
        for part in self.parts.values():
            prepared(part, device)
        return self

    def save(self, path: Path) -> None:
        """Write the weights with their recipe."""
        tensors: dict[str, Tensor] = {}
        for name, part in self.parts.items():
            tensors |= {f"{name}.{key}": v.detach().cpu().contiguous() for key, v in part.state_dict().items()}
        partial = path.with_suffix(".partial")
        save_file(tensors, partial, metadata={"recipe": self.recipe.model_dump_json()})
        partial.replace(path)

    def load_weights(self, path: Path) -> None:
        """Take over weights of the same sizes.

        Raises:
            BundleError: the file does not fit.
        """
        try:
            with safe_open(path, framework="pt") as file:
                for name, part in self.parts.items():
                    keys = [key for key in file.keys() if key.startswith(f"{name}.")]  # noqa: SIM118 - not a dict
                    part.load_state_dict({key.removeprefix(f"{name}."): file.get_tensor(key) for key in keys})
        except (OSError, RuntimeError) as error:
            raise BundleError(
                f"{path}: does not fit the recipe's networks ({error})", cure="use weights of the same recipe"
            ) from error
        self.settle()


@dataclass(frozen=True)
class TrainedDiffusion(Trained):
    """What runs: LR encoder, U-Net, HR decoder; and the HR encoder, which only measurements need."""

    recipe: DiffusionTraining
    lr_encoder: Encoder
    hr_encoder: Encoder
    unet: ConditionalUNet
    decoder: Decoder

    @classmethod
    def untrained(cls, recipe: DiffusionTraining) -> TrainedDiffusion:
        """Networks of the recipe's sizes with random weights and unit scales."""
        channels = recipe.autoencoder.network.latent_channels
        unit = Scale(torch.zeros(1, channels, 1, 1), torch.ones(1, channels, 1, 1))
        lr, hr = Autoencoder(recipe.autoencoder.network), Autoencoder(recipe.autoencoder.network)
        unet = ConditionalUNet(recipe.diffusion.network, channels, channels)
        return cls(recipe, Encoder(lr, unit), Encoder(hr, unit), unet, Decoder(hr, unit))

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The HR autoencoder is kept once, with the encoder."""
        return {"lr": self.lr_encoder, "hr": self.hr_encoder, "unet": self.unet}

    @property
    def multiple(self) -> int:
        """Of the U-Net in latents, in pixels."""
        return FACTOR * self.recipe.diffusion.network.multiple

    def set_scales(self, lr: Scale, hr: Scale) -> None:
        """Normalise latents by these from now on."""
        for part, scale in ((self.lr_encoder, lr), (self.hr_encoder, hr), (self.decoder, hr)):
            part.mean.copy_(scale.mean)
            part.std.copy_(scale.std)

    def settle(self) -> None:
        """The decoder undoes the HR encoder's scale."""
        self.decoder.mean.copy_(self.hr_encoder.mean)
        self.decoder.std.copy_(self.hr_encoder.std)

    def to(self, device: torch.device) -> Self:
        """Move everything, channels last."""
        prepared(self.decoder, device)
        return super().to(device)

    @torch.no_grad()
    def super_resolve(self, lr: Tensor, seed: int, steps: int = 0) -> Tensor:
        """Encode, sample, decode."""
        out: Tensor = self.decoder(draw(self.unet, self.lr_encoder(lr), self.recipe.diffusion, seed, steps))
        return out

    @torch.no_grad()
    def reconstruct(self, hr: Tensor) -> Tensor:
        """Through the HR autoencoder."""
        out: Tensor = self.decoder(self.hr_encoder(hr))
        return out

    @classmethod
    def load(cls, path: Path) -> TrainedDiffusion:
        """Read a file that `save` wrote.

        Raises:
            BundleError: it is not such a file.
        """
        found = load_trained(path)
        if not isinstance(found, TrainedDiffusion):
            raise BundleError(f"{path}: is of kind {found.recipe.kind}", cure="use weights of latent-diffusion")
        return found


@dataclass(frozen=True)
class TrainedPixel(Trained):
    """Diffusion in pixels: one U-Net."""

    recipe: PixelTraining
    unet: ConditionalUNet

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The U-Net."""
        return {"unet": self.unet}

    @property
    def multiple(self) -> int:
        """Of the U-Net."""
        return self.recipe.diffusion.network.multiple

    @torch.no_grad()
    def super_resolve(self, lr: Tensor, seed: int, steps: int = 0) -> Tensor:
        """Sample, conditioned on the webcam's image."""
        drawn = draw(self.unet, lr, self.recipe.diffusion, seed, steps)
        return drawn + lr if self.recipe.diffusion.target == "residual" else drawn


@dataclass(frozen=True)
class TrainedRegression(Trained):
    """The deterministic baseline: one network."""

    recipe: RegressionTraining
    network: Regression

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The network."""
        return {"network": self.network}

    @property
    def multiple(self) -> int:
        """Of the network."""
        return self.recipe.regression.network.multiple

    @torch.no_grad()
    def super_resolve(self, lr: Tensor, seed: int, steps: int = 0) -> Tensor:
        """One pass; every seed and number of steps gives the same."""
        out: Tensor = self.network(lr)
        return out


def untrained(recipe: AnyTraining) -> Trained:
    """Networks of the recipe's sizes with random weights."""
    if isinstance(recipe, DiffusionTraining):
        return TrainedDiffusion.untrained(recipe)
    if isinstance(recipe, PixelTraining):
        return TrainedPixel(recipe, ConditionalUNet(recipe.diffusion.network, 1, 1))
    return TrainedRegression(recipe, Regression(recipe.regression.network))


def load_trained(path: Path) -> Trained:
    """Read a file that `save` wrote.

    Raises:
        BundleError: it is not such a file.
    """
    if not path.is_file():
        raise BundleError(f"{path}: there is no such file", cure="train first, or name a weights.safetensors")
    with safe_open(path, framework="pt") as file:
        recipe = RECIPE.validate_json((file.metadata() or {}).get("recipe", "{}"))
    trained = untrained(recipe)
    trained.load_weights(path)
    return trained


def draw(unet: ConditionalUNet, condition: Tensor, recipe: DiffusionRecipe, seed: int, steps: int = 0) -> Tensor:
    """One sample (B, channels, h, w) for a condition (B, C, h, w), by the recipe's sampler, from a seed of its own."""
    generator = torch.Generator(condition.device).manual_seed(seed)
    shape = (condition.shape[0], unet.channels, *condition.shape[2:])

    def noise() -> Tensor:
        return torch.randn(shape, generator=generator, device=condition.device)

    def denoise(noisy: Tensor, level: Level) -> Tensor:
        out: Tensor = unet(noisy, condition, torch.full((shape[0],), level.time, device=condition.device))
        return out

    path = spaced(levels(recipe.schedule, recipe.train_steps), steps or recipe.steps)
    return sample(denoise, noise(), path, prediction=recipe.prediction, method=recipe.sampler, draw=noise)
