"""A trained latent diffusion model: the three networks with their scales, in one safetensors file.

Owns what is kept of a training run for export and for warm starts; refuses to know optimisers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from monitor.domain import BundleError
from monitor.learn.networks import Autoencoder, ConditionalUNet, Decoder, Encoder, Scale
from monitor.learn.precision import prepared
from monitor.learn.recipe import DiffusionTraining


@dataclass(frozen=True)
class TrainedDiffusion:
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

    def set_scales(self, lr: Scale, hr: Scale) -> None:
        """Normalise latents by these from now on."""
        for part, scale in ((self.lr_encoder, lr), (self.hr_encoder, hr), (self.decoder, hr)):
            part.mean.copy_(scale.mean)
            part.std.copy_(scale.std)

    @torch.no_grad()
    def round_weights(self) -> TrainedDiffusion:
        """Round every weight to half precision, in which they are stored; they stay float32 tensors."""
        for part in (self.lr_encoder, self.hr_encoder, self.unet, self.decoder):
            for parameter in part.parameters():
                parameter.copy_(parameter.half().float())
        return self

    def to(self, device: torch.device) -> TrainedDiffusion:
        """Move everything, channels last."""
        for part in (self.lr_encoder, self.hr_encoder, self.unet, self.decoder):
            prepared(part, device)
        return self

    def save(self, path: Path, unet: ConditionalUNet | None = None) -> None:
        """Write the weights (of another U-Net, such as the running average, where one is given)."""
        tensors: dict[str, Tensor] = {}
        parts = {"lr": self.lr_encoder, "hr": self.hr_encoder, "unet": unet or self.unet}
        for name, part in parts.items():
            tensors |= {f"{name}.{key}": v.detach().cpu().contiguous() for key, v in part.state_dict().items()}
        partial = path.with_suffix(".partial")
        save_file(tensors, partial, metadata={"recipe": self.recipe.model_dump_json()})
        partial.replace(path)

    def load_weights(self, path: Path) -> None:
        """Take over weights of the same sizes.

        Raises:
            BundleError: the file does not fit.
        """
        parts = {"lr": self.lr_encoder, "hr": self.hr_encoder, "unet": self.unet}
        try:
            with safe_open(path, framework="pt") as file:
                for name, part in parts.items():
                    keys = [key for key in file.keys() if key.startswith(f"{name}.")]  # noqa: SIM118 - not a dict
                    part.load_state_dict({key.removeprefix(f"{name}."): file.get_tensor(key) for key in keys})
        except (OSError, RuntimeError) as error:
            raise BundleError(
                f"{path}: does not fit the recipe's networks ({error})", cure="use weights of the same recipe"
            ) from error
        self.decoder.mean.copy_(self.hr_encoder.mean)
        self.decoder.std.copy_(self.hr_encoder.std)

    @classmethod
    def load(cls, path: Path) -> TrainedDiffusion:
        """Read a file that `save` wrote.

        Raises:
            BundleError: it is not such a file.
        """
        if not path.is_file():
            raise BundleError(f"{path}: there is no such file", cure="train first, or name a weights.safetensors")
        with safe_open(path, framework="pt") as file:
            recipe = DiffusionTraining.model_validate_json((file.metadata() or {}).get("recipe", "{}"))
        trained = cls.untrained(recipe)
        trained.load_weights(path)
        return trained
