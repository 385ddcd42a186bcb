"""Random patches of plates, cut on the device. Owns the cropping; refuses to know where plates come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
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
    """Draws patches, half of them (or another share) centred near metal, flipped and turned at random.

    With `per_layer`, each layer has so many fixed patches, which are drawn again and again: the paper's way.
    """

    def __init__(
        self, plates: Plates, device: torch.device, part_share: float, generator: torch.Generator, per_layer: int = 0
    ) -> None:
        self.generator = generator
        self._lr = torch.from_numpy(plates.lr).to(device)
        self._hr = torch.from_numpy(plates.hr).to(device)
        n, rows, cols = plates.mask.shape
        whole = plates.mask[:, : rows // CELL * CELL, : cols // CELL * CELL]
        cells = whole.reshape(n, rows // CELL, CELL, cols // CELL, CELL)
        self._parts = torch.from_numpy(np.any(cells, axis=(2, 4))).nonzero()
        self._share = part_share if len(self._parts) else 0.0
        self._per_layer = per_layer
        self._fixed: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        self._layers = _layers(plates)
        self._device = device

    def draw(self, batch: int, size: int) -> Batch:
        """Draw patches of size × size pixels.

        Raises:
            ValueError: the plates are smaller than that.
        """
        _, rows, cols = self._lr.shape
        if size > min(rows, cols):
            raise ValueError(f"patches of {size} pixels do not fit plates of {rows} × {cols}")
        plate, top, left = self._again(batch, size) if self._per_layer else self._corners(batch, size)
        flips = torch.rand((2, batch), generator=self.generator) < 0.5
        along = torch.arange(size)
        rows_at = top[:, None] + torch.where(flips[0][:, None], size - 1 - along, along)
        cols_at = left[:, None] + torch.where(flips[1][:, None], size - 1 - along, along)
        index = tuple(
            part.to(self._device, non_blocking=True)
            for part in (plate[:, None, None], rows_at[:, :, None], cols_at[:, None, :])
        )
        turned = bool(torch.rand((), generator=self.generator) < 0.5)
        return Batch(self._cut(self._lr, index, turned), self._cut(self._hr, index, turned))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is drawn inside leaves no trace: the next patch of training is the one that it would have been."""
        state = self.generator.get_state()
        try:
            yield
        finally:
            self.generator.set_state(state)

    def _again(self, batch: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Corners out of the fixed patches, which are the same in every run and process."""
        if size not in self._fixed:
            rng = np.random.default_rng(size)
            room = np.array(self._lr.shape[1:]) - size + 1
            number = np.concatenate([rng.choice(layer, self._per_layer) for layer in self._layers])
            corners = rng.integers(0, room, (len(number), 2))
            self._fixed[size] = tuple(torch.from_numpy(v) for v in (number, corners[:, 0], corners[:, 1]))  # type: ignore[assignment]
        plate, top, left = self._fixed[size]
        picked = torch.randint(len(plate), (batch,), generator=self.generator)
        return plate[picked], top[picked], left[picked]

    def _corners(self, batch: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
        n, rows, cols = self._lr.shape
        plate = torch.randint(n, (batch,), generator=self.generator)
        top = torch.randint(rows - size + 1, (batch,), generator=self.generator)
        left = torch.randint(cols - size + 1, (batch,), generator=self.generator)
        near = int(batch * self._share)
        if near:
            pick = self._parts[torch.randint(len(self._parts), (near,), generator=self.generator)]
            jitter = torch.randint(CELL, (2, near), generator=self.generator) - size // 2
            plate[:near] = pick[:, 0]
            top[:near] = (pick[:, 1] * CELL + jitter[0]).clamp(0, rows - size)
            left[:near] = (pick[:, 2] * CELL + jitter[1]).clamp(0, cols - size)
        return plate, top, left

    def _cut(self, images: Tensor, index: tuple[Tensor, ...], turned: bool) -> Tensor:
        patches = images[index][:, None].float() / 127.5 - 1
        return patches.transpose(2, 3) if turned else patches


def _layers(plates: Plates) -> list[npt.NDArray[np.int64]]:
    """Numbers of the plates of each layer of each build."""
    whence = np.stack([plates.build, plates.layer], axis=1)
    _, which = np.unique(whence, axis=0, return_inverse=True)
    return [np.flatnonzero(which.ravel() == k) for k in range(which.max(initial=-1) + 1)]
