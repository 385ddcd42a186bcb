"""How long a torch model takes for a sample. Owns the measurement on the training side; refuses to judge it."""

from __future__ import annotations

import time

import torch

from monitor.learn.precision import mixed
from monitor.learn.trained import Trained


@torch.no_grad()
def draw_batch(models: Trained, batch: int, px: int, steps: int, device: torch.device) -> None:
    """Draw samples for a batch of patches of noise (which cost the same as any); steps 0 are the recipe's."""
    image = torch.rand((batch, 1, px, px), device=device) * 2 - 1
    with mixed(device):
        models.super_resolve(image, 0, steps)
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def batch_seconds(
    models: Trained, batch: int, px: int, steps: int, device: torch.device, threads: int
) -> tuple[float, float]:
    """Wall time and core-seconds of one such batch on so many CPU threads, after a first one that is not counted."""
    models.to(device)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        draw_batch(models, batch, px, 1, device)
        begin = time.perf_counter(), time.process_time()
        draw_batch(models, batch, px, steps, device)
        return time.perf_counter() - begin[0], time.process_time() - begin[1]
    finally:
        torch.set_num_threads(before)
