"""Random patches of plates, cut on the device. Owns the cropping; refuses to know where plates come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from monitor.learn.plates import Plates

CELL = 32


@dataclass(frozen=True, slots=True)
class Batch:
    """Patches (B, 1, size, size), float32 in [-1, 1]."""

    lr: Tensor
    hr: Tensor


class PatchSampler:
    """Draws patches, half of them (or another share) centred near metal, flipped and turned at random."""

    def __init__(self, plates: Plates, device: torch.device, part_share: float, generator: torch.Generator) -> None:
        self._lr = torch.from_numpy(plates.lr).to(device)
        self._hr = torch.from_numpy(plates.hr).to(device)
        n, rows, cols = plates.mask.shape
        whole = plates.mask[:, : rows // CELL * CELL, : cols // CELL * CELL]
        cells = whole.reshape(n, rows // CELL, CELL, cols // CELL, CELL)
        self._parts = torch.from_numpy(np.any(cells, axis=(2, 4))).nonzero()
        self._share = part_share if len(self._parts) else 0.0
        self._generator = generator
        self._device = device

    def draw(self, batch: int, size: int) -> Batch:
        """Draw patches of size × size pixels.

        Raises:
            ValueError: the plates are smaller than that.
        """
        _, rows, cols = self._lr.shape
        if size > min(rows, cols):
            raise ValueError(f"patches of {size} pixels do not fit plates of {rows} × {cols}")
        plate, top, left = self._corners(batch, size)
        flips = torch.rand((2, batch), generator=self._generator) < 0.5
        along = torch.arange(size)
        rows_at = top[:, None] + torch.where(flips[0][:, None], size - 1 - along, along)
        cols_at = left[:, None] + torch.where(flips[1][:, None], size - 1 - along, along)
        index = tuple(
            part.to(self._device, non_blocking=True)
            for part in (plate[:, None, None], rows_at[:, :, None], cols_at[:, None, :])
        )
        turned = bool(torch.rand((), generator=self._generator) < 0.5)
        return Batch(self._cut(self._lr, index, turned), self._cut(self._hr, index, turned))

    def _corners(self, batch: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
        n, rows, cols = self._lr.shape
        plate = torch.randint(n, (batch,), generator=self._generator)
        top = torch.randint(rows - size + 1, (batch,), generator=self._generator)
        left = torch.randint(cols - size + 1, (batch,), generator=self._generator)
        near = int(batch * self._share)
        if near:
            pick = self._parts[torch.randint(len(self._parts), (near,), generator=self._generator)]
            jitter = torch.randint(CELL, (2, near), generator=self._generator) - size // 2
            plate[:near] = pick[:, 0]
            top[:near] = (pick[:, 1] * CELL + jitter[0]).clamp(0, rows - size)
            left[:near] = (pick[:, 2] * CELL + jitter[1]).clamp(0, cols - size)
        return plate, top, left

    def _cut(self, images: Tensor, index: tuple[Tensor, ...], turned: bool) -> Tensor:
        patches = images[index][:, None].float() / 127.5 - 1
        return patches.transpose(2, 3) if turned else patches
