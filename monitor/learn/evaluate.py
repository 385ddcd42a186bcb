"""Measuring a trained model on builds that it has not seen. Owns which numbers; refuses to choose a model by them.

Side by side: LR as it is (which is also its bicubic: both cameras share the plate grid), LR with its tone matched to HR
by least squares, the HR autoencoder's reconstruction (the ceiling), and SR.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from monitor.learn.calibrating import reliability
from monitor.learn.measuring import Grey, Window, mean_numbers, numbers, powder_windows
from monitor.learn.pictures import write_grid
from monitor.learn.plates import Plates
from monitor.learn.real_plates import FIRST_REAL
from monitor.learn.trained import Trained
from monitor.metrics import patch_textures

Method = Callable[[Grey], Grey]


def super_resolve(models: Trained, lr: Grey, device: torch.device, *, steps: int = 0, seed: int = 0) -> Grey:
    """One sample for a plate (h, w) in [0, 1], multiples of the model's. Steps are the recipe's by default."""
    return _grey(models.super_resolve(_tensor(lr, device), seed, steps))


def reconstruct(models: Trained, hr: Grey, device: torch.device) -> Grey | None:
    """The HR autoencoder's own reconstruction: what no SR of it can beat. None where the model has none."""
    made = models.reconstruct(_tensor(hr, device))
    return None if made is None else _grey(made)


def match_tone(image: Grey, target: Grey) -> Grey:
    """The image with gain and offset that fit the target best (least squares)."""
    gain, offset = np.polyfit(image.ravel().astype(np.float64), target.ravel().astype(np.float64), 1)
    return np.asarray(np.clip(image * np.float32(gain) + np.float32(offset), 0, 1), np.float32)


def evaluate(models: Trained, plates: Plates, device: torch.device) -> dict[str, dict[str, float]]:
    """Mean numbers by look ("default" and "varied" virtual builds, "real" layers) and method.

    Returns:
        Tables "<look>_<method>" with mae, psnr, ssim (data range 1), ncvd (mean over patches of NCVD_PX on a lattice
        of twice that, where HR varies; first over a plate's, then over plates) and, on powder alone, the log-spectral
        distance in dB and the ratio of the grain's variance to HR's.
    """
    models.to(device)
    tables: dict[str, list[dict[str, float]]] = {}
    for k in range(len(plates.lr)):
        lr, hr, mask = *(_cropped(image[k], models.multiple) for image in (plates.lr, plates.hr)), plates.mask[k]
        made: dict[str, Grey | None] = {
            "lr": lr,
            "lr_toned": match_tone(lr, hr),
            "autoencoder": reconstruct(models, hr, device),
            "sr": super_resolve(models, lr, device, seed=k),
        }
        look = "real" if plates.build[k] >= FIRST_REAL else "default" if plates.default_look[k] else "varied"
        masked = look != "real" or mask.any()  # pictures from folders have none, and their powder is not told
        windows = powder_windows(mask[: hr.shape[0], : hr.shape[1]]) if masked else []
        known = patch_textures(hr)
        for name, image in made.items():
            if image is None:
                continue
            tables.setdefault(f"{look}_{name}", []).append(numbers(image, hr, known, windows))
    return {name: mean_numbers(rows) for name, rows in tables.items()}


def calibrate(
    models: Trained, plates: Plates, device: torch.device, samples: int = 8, px: int = 256, most: int = 4
) -> dict[str, float]:
    """How far the spread of an ensemble can be believed, on cuts around metal of up to `most` held-out plates."""
    models.to(device)
    drawn: list[tuple[Grey, Grey, Grey]] = []
    for k in np.linspace(0, len(plates.lr) - 1, min(most, len(plates.lr))).astype(int):
        cut = _metal_window(plates.mask[k], min(px, *plates.lr[k].shape))
        lr, hr = (_cropped(image[cut], models.multiple) for image in (plates.lr[k], plates.hr[k]))
        members = np.stack([super_resolve(models, lr, device, seed=seed) for seed in range(samples)])
        drawn.append((hr, members.mean(axis=0), members.std(axis=0, ddof=1)))
    truth, mean, spread = (np.concatenate([part.ravel() for part in parts]) for parts in zip(*drawn, strict=True))
    return reliability(truth, mean, spread, samples).numbers()


def sample_pictures(models: Trained, plates: Plates, device: torch.device, path: Path, px: int = 256) -> None:
    """Write a grid: LR, SR, HR's reconstruction, HR; rows are held-out plates, cut around metal."""
    models.to(device)
    rows = []
    for k in np.linspace(0, len(plates.lr) - 1, min(4, len(plates.lr))).astype(int):
        cut = _metal_window(plates.mask[k], min(px, *plates.lr[k].shape))
        lr, hr = (_cropped(image[cut], models.multiple) for image in (plates.lr[k], plates.hr[k]))
        images = (lr, super_resolve(models, lr, device, seed=int(k)), reconstruct(models, hr, device), hr)
        rows.append([np.rint(image * 255).astype(np.uint8) for image in images if image is not None])
    write_grid(path, rows)


def _metal_window(mask: npt.NDArray[np.bool_], size: int) -> Window:
    """A square around the metal that is nearest to the plate's middle."""
    rows, cols = mask.shape
    found = np.argwhere(mask) if mask.any() else np.array([[rows // 2, cols // 2]])
    row, col = found[np.abs(found - np.array([rows / 2, cols / 2])).sum(axis=1).argmin()]
    top, left = (int(np.clip(v - size // 2, 0, n - size)) for v, n in ((row, rows), (col, cols)))
    return slice(top, top + size), slice(left, left + size)


def _cropped(image: npt.NDArray[np.uint8], multiple: int) -> Grey:
    rows, cols = (n // multiple * multiple for n in image.shape)
    return image[:rows, :cols].astype(np.float32) / np.float32(255)


def _tensor(image: Grey, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image))[None, None].to(device) * 2 - 1


def _grey(image: torch.Tensor) -> Grey:
    return np.asarray(((image[0, 0].float() + 1) / 2).clamp(0, 1).cpu().numpy(), np.float32)
