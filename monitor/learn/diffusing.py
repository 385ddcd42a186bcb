"""Training of the conditional diffusion model. Owns one plain step, and one step of each way to few steps.

Plain: the network learns v (or ε, or x₀) at a random noise level. Refined: whole samples of a few steps are drawn with
gradients and compared with the target by an energy score, in the latent and in the decoded image, and by a PatchGAN
that sees the webcam image beside. A model trained for the mean loses grain in few steps; a proper score does not.
Distilled: one step learns what two steps of the model itself, as it was before, arrive at.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from monitor.learn.averaging import follow
from monitor.learn.budget import warm_cosine
from monitor.learn.distilling import aim, rung, strides
from monitor.learn.losses import energy_score, hinge_discriminator
from monitor.learn.networks import ConditionalUNet, PatchDiscriminator
from monitor.learn.parallel import Team
from monitor.learn.patches import Batch
from monitor.learn.precision import mixed, prepared
from monitor.learn.recipe import DiffusionRecipe, RefineRecipe
from monitor.upscale.sampler import Level, levels, sample, spaced, wanted


@dataclass(frozen=True, slots=True)
class Space:
    """Where the diffusion runs: frozen autoencoders around it, or nothing for pixels.

    Attributes:
        lr_encoder: webcam's image to condition.
        hr_encoder: picture to what is diffused.
        decoder: and back.
    """

    lr_encoder: nn.Module = field(default_factory=nn.Identity)
    hr_encoder: nn.Module = field(default_factory=nn.Identity)
    decoder: nn.Module = field(default_factory=nn.Identity)


class DiffusionTrainer:
    """Trains one U-Net in its space and keeps the running average."""

    def __init__(
        self,
        network: ConditionalUNet,
        space: Space,
        recipe: DiffusionRecipe,
        refine: RefineRecipe,
        team: Team,
    ) -> None:
        device = team.device
        self.network = network
        self.average: ConditionalUNet = copy.deepcopy(network).requires_grad_(False)
        self.discriminator = prepared(PatchDiscriminator(channels=2), device)
        self._space, self._team = space, team
        self._recipe, self._refine, self._device = recipe, refine, device
        self._levels = levels(recipe.schedule, recipe.train_steps)
        table = [(level.time, level.alpha, level.sigma) for level in self._levels]
        self._table = torch.tensor(table, dtype=torch.float32, device=device)
        fused = device.type == "cuda"
        self._optimizer = torch.optim.AdamW(
            network.parameters(), recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=fused
        )
        self._against = torch.optim.AdamW(self.discriminator.parameters(), 2e-4, betas=(0.5, 0.9), fused=fused)
        self._updates = 0
        self._teacher: ConditionalUNet | None = None
        self._rung = 0

    def step(self, batch: Batch, fraction: float, *, report: bool = False) -> dict[str, float] | None:
        """One plain step."""
        self._set_rate(self._recipe.learning_rate * warm_cosine(fraction))
        target, condition = self._latents(batch)
        loss = self._plain(target, condition)
        self._descend(loss)
        return {"loss": loss.item()} if report else None

    def refine_step(self, batch: Batch, fraction: float, *, report: bool = False) -> dict[str, float] | None:
        """One step on two whole samples of as many steps as it is the turn of."""
        r, rungs = self._refine, self._refine.steps or (self._recipe.steps,)
        steps = rungs[self._updates % len(rungs)]
        self._set_rate(r.learning_rate * warm_cosine(fraction))
        target, condition = self._latents(batch)
        with mixed(self._device):
            drawn = [self.draw(self.network, condition, steps) for _ in range(2)]
            images = [self._picture(latent, condition) for latent in drawn]
        score = energy_score(images, batch.hr)
        latent_score = energy_score([latent.float() for latent in drawn], target, levels=1, window=2)
        plain = self._plain(target, condition)
        loss = score + r.latent_weight * latent_score + r.diffusion_weight * plain
        if r.adversarial_weight > 0:
            beside = [torch.cat([image, batch.lr], dim=1) for image in images]
            with mixed(self._device):
                fooled = -self.discriminator(beside[0]).float().mean()
            loss = loss + r.adversarial_weight * fooled
        self._descend(loss)
        if r.adversarial_weight > 0:
            self._judge(torch.cat([batch.hr, batch.lr], dim=1), beside[0].detach())
        return {"score": score.item(), "latent": latent_score.item(), "plain": plain.item()} if report else None

    def distil_step(self, batch: Batch, fraction: float, *, report: bool = False) -> dict[str, float] | None:
        """One step towards half as many sampler steps.

        At each new rung the running average becomes the teacher, and begins anew, as the learning rate does: a student
        has left its teacher before a rung is over.
        """
        r = self._refine
        now, within = rung(r.distil, fraction)
        if self._teacher is None or now != self._rung:
            self._teacher, self._rung, self._updates = copy.deepcopy(self.average), now, 0
            self.network.load_state_dict(self.average.state_dict())
        self._set_rate(r.learning_rate * warm_cosine(within))
        target, condition = self._latents(batch)
        all_strides = strides(self._levels, now)
        stride = all_strides[int(torch.randint(len(all_strides), ()))]
        noisy = target * stride.start.alpha + torch.randn_like(target) * stride.start.sigma
        with torch.no_grad(), mixed(self._device):
            aimed = aim(_denoiser(self._teacher, condition), noisy, stride, self._recipe.prediction)
        with mixed(self._device):
            said = _denoiser(self.network, condition)(noisy, stride.start)
        loss = (said - aimed).square().mean()
        self._descend(loss)
        return {"loss": loss.item(), "sampler_steps": float(now)} if report else None

    def draw(self, network: nn.Module, condition: Tensor, steps: int) -> Tensor:
        """Sample latents for a condition (B, Cc, h, w)."""
        noise = torch.randn((condition.shape[0], self._channels, *condition.shape[2:]), device=condition.device)
        path = spaced(self._levels, steps)
        method = self._recipe.sampler if self._recipe.sampler != "ddpm" else "ddim"
        return sample(_denoiser(network, condition), noise, path, prediction=self._recipe.prediction, method=method)

    @property
    def _channels(self) -> int:
        return self.network.channels

    @torch.no_grad()
    def _latents(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What is diffused, and its condition."""
        with mixed(self._device):
            target, condition = self._space.hr_encoder(batch.hr).float(), self._space.lr_encoder(batch.lr).float()
        return (target - condition if self._recipe.target == "residual" else target), condition

    def _picture(self, drawn: Tensor, condition: Tensor) -> Tensor:
        whole = drawn + condition if self._recipe.target == "residual" else drawn
        out: Tensor = self._space.decoder(whole)
        return out.float()

    def _plain(self, target: Tensor, condition: Tensor) -> Tensor:
        picked = torch.randint(1, len(self._levels), (target.shape[0],), device=target.device)
        time, alpha, sigma = self._table[picked].unbind(dim=1)
        a, s = alpha[:, None, None, None], sigma[:, None, None, None]
        noise = torch.randn_like(target)
        with mixed(self._device):
            out: Tensor = self.network(a * target + s * noise, condition, time)
        return (out.float() - wanted(self._recipe.prediction, target, noise, a, s)).square().mean()

    def _judge(self, real: Tensor, made: Tensor) -> None:
        with mixed(self._device):
            loss = hinge_discriminator(self.discriminator(real).float(), self.discriminator(made).float())
        self._against.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._team.average(self.discriminator)
        self._against.step()

    def _set_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def _descend(self, loss: Tensor) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._team.average(self.network)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self._updates += 1
        follow(self.average, self.network, self._recipe.ema, self._updates)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """Everything that learns."""
        return self.network, self.average, self.discriminator

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "against": self._against.state_dict(),
            "updates": self._updates,
        } | ({"teacher": self._teacher.state_dict(), "rung": self._rung} if self._teacher else {})

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a state."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.discriminator.load_state_dict(state["discriminator"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._against.load_state_dict(state["against"])
        self._updates = int(state["updates"])
        if "teacher" in state:
            self._teacher, self._rung = copy.deepcopy(self.average), int(state["rung"])
            self._teacher.load_state_dict(state["teacher"])


def _denoiser(network: nn.Module, condition: Tensor) -> Callable[[Tensor, Level], Tensor]:
    def denoise(noisy: Tensor, level: Level) -> Tensor:
        time = torch.full((noisy.shape[0],), level.time, device=noisy.device)
        out: Tensor = network(noisy, condition, time)
        return out.float()

    return denoise
