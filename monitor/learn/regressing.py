"""Training of the deterministic baseline. Owns one step of it."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from monitor.learn.averaging import follow
from monitor.learn.budget import warm_cosine
from monitor.learn.losses import perceptual
from monitor.learn.networks import Regression
from monitor.learn.parallel import Team
from monitor.learn.patches import Batch
from monitor.learn.precision import mixed
from monitor.learn.recipe import RegressionRecipe


class RegressionTrainer:
    """Trains one network and keeps its running average."""

    def __init__(self, network: Regression, recipe: RegressionRecipe, team: Team) -> None:
        self.network = network
        self.average: Regression = copy.deepcopy(network).requires_grad_(False)
        self._recipe, self._team = recipe, team
        fused = team.device.type == "cuda"
        self._optimizer = torch.optim.AdamW(
            network.parameters(), recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=fused
        )
        self._updates = 0

    def step(self, batch: Batch, fraction: float, *, report: bool = False) -> dict[str, float] | None:
        """One step at this fraction of the stage."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * warm_cosine(fraction)
        with mixed(self._team.device):
            made = self.network(batch.lr)
        made = made.float()
        off = made - batch.hr
        loss = off.abs().mean() if self._recipe.loss == "l1" else off.square().mean()
        if self._recipe.perceptual_weight > 0:
            loss = loss + self._recipe.perceptual_weight * perceptual(made, batch.hr)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._team.average(self.network)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self._updates += 1
        follow(self.average, self.network, self._recipe.ema, self._updates)
        return {"loss": loss.item()} if report else None

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """Everything that learns."""
        return self.network, self.average

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "updates": self._updates,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a state."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._updates = int(state["updates"])
