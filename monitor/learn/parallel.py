"""One training in many processes, as torchrun starts them. Owns what they share; refuses to know what is trained.

Every process draws its own patches and noise, and the gradients are averaged before each step, so the weights stay
the same in all. One all-reduce of the gradients in one piece: the networks here are small beside the link.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch

# Its functions take the group of the moment that it is imported in for their default. Were that the living one, as
# where torch's exporter imports it later, the group would outlive `leave`, and its threads the interpreter: an abort.
import torch.distributed.nn
from torch import Tensor, distributed, nn

from monitor.learn.precision import pick_device


@dataclass(frozen=True, slots=True)
class Team:
    """This process and its fellows.

    Attributes:
        device: where this process computes.
        rank: its number; the first one writes files and speaks.
        size: how many there are; 1 for an ordinary run, in which nothing is exchanged.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> Team:
        """The team that torchrun started, or this process alone. Each process of one machine takes its own GPU."""
        size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        device = pick_device()
        if size > 1:
            if device.type == "cuda":
                device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
                torch.cuda.set_device(device)
            distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        return cls(device, rank, size)

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def average(self, network: nn.Module) -> None:
        """Average the network's gradients over all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def spread(self, networks: Iterable[nn.Module]) -> None:
        """Give all processes the first one's weights."""
        if self.size > 1:
            for network in networks:
                for tensor in network.state_dict().values():
                    distributed.broadcast(tensor, 0)

    def agree(self, value: float) -> float:
        """The first process's value."""
        if self.size == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64)
        distributed.broadcast(told, 0)
        return float(told)

    def gather(self, state: Tensor) -> list[Tensor]:
        """One small tensor on the CPU of every process, in their order."""
        if self.size == 1:
            return [state]
        found = [torch.empty_like(state) for _ in range(self.size)]
        distributed.all_gather(found, state)
        return found

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            distributed.barrier()

    def leave(self) -> None:
        """Part in order."""
        if self.size > 1:
            distributed.destroy_process_group()
