"""Training of the autoencoders: reconstruction + KL + perceptual + PatchGAN, as in the paper. Owns one step of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from monitor.learn.budget import warm_cosine
from monitor.learn.losses import adaptive_weight, hinge_discriminator, perceptual
from monitor.learn.networks import Autoencoder, PatchDiscriminator
from monitor.learn.parallel import Team
from monitor.learn.precision import mixed, prepared
from monitor.learn.recipe import AutoencoderRecipe

JUDGED = 4
"""The discriminator, which costs more than the autoencoder, sees every fourth patch."""


class AutoencoderTrainer:
    """Trains one autoencoder with its discriminator."""

    def __init__(self, network: Autoencoder, recipe: AutoencoderRecipe, team: Team) -> None:
        device = team.device
        self.network = network
        self._team = team
        self.discriminator = prepared(PatchDiscriminator(), device)
        self._recipe = recipe
        self._device = device
        fused = device.type == "cuda"
        self._optimizer = torch.optim.AdamW(
            network.parameters(), recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=fused
        )
        self._against = torch.optim.AdamW(
            self.discriminator.parameters(), recipe.learning_rate, betas=(0.5, 0.9), fused=fused
        )

    def step(self, image: Tensor, fraction: float, *, report: bool = False) -> dict[str, float] | None:
        """One step on images (B, 1, h, w) in [-1, 1] at this fraction of the stage."""
        for group in (*self._optimizer.param_groups, *self._against.param_groups):
            group["lr"] = self._recipe.learning_rate * warm_cosine(fraction)
        with mixed(self._device):
            made, kl = self.network(image)
        made = made.float()
        absolute = (made - image).abs().mean()
        near = absolute + self._recipe.perceptual_weight * perceptual(made, image)
        loss = near + self._recipe.kl_weight * kl.float()
        adversarial = fraction >= self._recipe.discriminator_start and self._recipe.discriminator_weight > 0
        if adversarial:
            with mixed(self._device):
                fooled = -self.discriminator(made[::JUDGED]).float().mean()
            weight = self._recipe.discriminator_weight * adaptive_weight(near, fooled, self.network.last.weight)
            loss = loss + weight * fooled
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._team.average(self.network)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        if adversarial:
            self._judge(image[::JUDGED], made[::JUDGED].detach())
        return {"near": near.item(), "l1": absolute.item(), "kl": kl.item()} if report else None

    def _judge(self, real: Tensor, made: Tensor) -> None:
        with mixed(self._device):
            loss = hinge_discriminator(self.discriminator(real).float(), self.discriminator(made).float())
        self._against.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._team.average(self.discriminator)
        self._against.step()

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """Everything that learns."""
        return self.network, self.discriminator

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return {
            "network": self.network.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "against": self._against.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a state."""
        self.network.load_state_dict(state["network"])
        self.discriminator.load_state_dict(state["discriminator"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._against.load_state_dict(state["against"])
