"""Patches: both cameras' cuts are of one place."""

from __future__ import annotations

import pytest
import torch

from monitor.learn.patches import PatchSampler
from monitor.learn.plates import Plates

CPU = torch.device("cpu")


def sampler(plates: Plates, part_share: float = 0.5, seed: int = 0) -> PatchSampler:
    return PatchSampler(plates, CPU, part_share, torch.Generator().manual_seed(seed))


def test_both_cuts_are_of_one_place(plates: Plates) -> None:
    """Flipped and turned alike: the webcam's patch is the other's, half as bright."""
    batch = sampler(plates).draw(32, 24)
    assert batch.lr.shape == batch.hr.shape == (32, 1, 24, 24)
    lr, hr = ((image + 1) * 127.5 for image in (batch.lr, batch.hr))
    assert ((hr / 2 - lr).abs() <= 0.51).all()
    assert batch.hr.min() >= -1
    assert batch.hr.max() <= 1


def test_a_seed_gives_its_patches(plates: Plates) -> None:
    """The same seed draws the same patches, another seed others."""
    one, two, other = (sampler(plates, seed=s).draw(4, 32).hr for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_patches_near_metal_show_metal(plates: Plates) -> None:
    """With all patches near parts, every one has metal in it; without, most have none."""
    shown = Plates(plates.lr, plates.mask.astype("uint8") * 255, plates.mask, plates.default_look)
    near = sampler(shown, 1.0).draw(64, 64).hr.amax(dim=(1, 2, 3))
    anywhere = sampler(shown, 0.0).draw(64, 16).hr.amax(dim=(1, 2, 3))
    assert (near == 1).all()
    assert (anywhere == -1).float().mean() > 0.5


def test_plates_without_metal_have_patches_too(plates: Plates) -> None:
    """Where nothing was melted, patches lie anywhere."""
    empty = Plates(plates.lr, plates.hr, plates.mask & False, plates.default_look)
    assert sampler(empty, 1.0).draw(3, 16).hr.shape == (3, 1, 16, 16)


def test_patches_larger_than_the_plates_are_refused(plates: Plates) -> None:
    """The error names both sizes."""
    with pytest.raises(ValueError, match="patches of 193 pixels do not fit plates of 192 × 224"):
        sampler(plates).draw(1, 193)
