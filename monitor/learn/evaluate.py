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

from monitor.learn.pictures import write_grid
from monitor.learn.plates import Plates
from monitor.learn.trained import Trained
from monitor.metrics import Texture, image_quality, normalised_distance, texture_moments, wavelet_bank

Grey = npt.NDArray[np.float32]
Method = Callable[[Grey], Grey]
Window = tuple[slice, slice]
POWDER_PX = 64
NCVD_PX = 128


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
    """Mean numbers by look ("default", "varied") and method.

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
        look = "default" if plates.default_look[k] else "varied"
        window = _powder_window(mask[: hr.shape[0], : hr.shape[1]])
        textures = _textures(hr)
        for name, image in made.items():
            if image is None:
                continue
            tables.setdefault(f"{look}_{name}", []).append(_numbers(image, hr, textures, window))
    return {name: _mean(rows) for name, rows in tables.items()}


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


def spectral_distance_db(image: Grey, target: Grey) -> float:
    """Root mean square difference of the radial log power spectra, in dB, of a square patch."""
    ours, theirs = (_radial_spectrum(x) for x in (image, target))
    return float(np.sqrt(np.mean((10 * np.log10((ours + 1e-9) / (theirs + 1e-9))) ** 2)))


def _numbers(image: Grey, hr: Grey, textures: list[Texture], window: Window | None) -> dict[str, float]:
    quality = image_quality(image, hr)
    out = {"mae": quality.mae, "ssim": quality.ssim}
    if quality.psnr is not None:
        out["psnr"] = quality.psnr
    pairs = zip(_textures(image), textures, strict=True)
    distances = [d for d in (normalised_distance(ours, theirs) for ours, theirs in pairs) if d is not None]
    if distances:
        out["ncvd"] = float(np.mean(distances))
    if window is not None:
        out["powder_db"] = spectral_distance_db(image[window], hr[window])
        out["powder_grain"] = float(_grain(image[window]) / max(_grain(hr[window]), 1e-9))
    return out


def _textures(image: Grey) -> list[Texture]:
    """Textures of patches of NCVD_PX on a lattice of twice that; none for an image that is too small."""
    n, (rows, cols) = NCVD_PX, image.shape
    bank = wavelet_bank((n, n))
    tops, lefts = (range(n // 2, length - n + 1, 2 * n) for length in (rows, cols))
    corners = ((top, left) for top in tops for left in lefts)
    return [texture_moments(image[top : top + n, left : left + n], bank) for top, left in corners]


def _grain(image: Grey) -> float:
    """Variance above a quarter of the Nyquist frequency (the light's slow changes are not grain)."""
    spectrum = _radial_spectrum(image)
    return float(spectrum[len(spectrum) // 4 :].mean())


def _radial_spectrum(image: Grey) -> npt.NDArray[np.float64]:
    n = min(image.shape)
    square = image[:n, :n].astype(np.float64)
    window = np.hanning(n)[:, None] * np.hanning(n)[None, :]
    power = np.abs(np.fft.fft2((square - square.mean()) * window)) ** 2 / np.square(window).sum()
    frequency = np.fft.fftfreq(n)
    ring = np.rint(np.hypot(frequency[:, None], frequency[None, :]) * n).astype(int)
    sums = np.bincount(ring.ravel(), power.ravel(), minlength=n)
    return np.asarray(sums[1 : n // 2] / np.bincount(ring.ravel(), minlength=n)[1 : n // 2])


def _powder_window(mask: npt.NDArray[np.bool_]) -> Window | None:
    """A square without metal nearest to the plate's middle (corners may lie beyond the bed)."""
    n, (rows, cols) = POWDER_PX, mask.shape
    free = [
        (abs(top + n / 2 - rows / 2) + abs(left + n / 2 - cols / 2), top, left)
        for top in range(0, rows - n + 1, n // 4)
        for left in range(0, cols - n + 1, n // 4)
        if not mask[top : top + n, left : left + n].any()
    ]
    if not free:
        return None
    _, top, left = min(free)
    return slice(top, top + n), slice(left, left + n)


def _metal_window(mask: npt.NDArray[np.bool_], size: int) -> Window:
    """A square around the metal that is nearest to the plate's middle."""
    rows, cols = mask.shape
    found = np.argwhere(mask) if mask.any() else np.array([[rows // 2, cols // 2]])
    row, col = found[np.abs(found - np.array([rows / 2, cols / 2])).sum(axis=1).argmin()]
    top, left = (int(np.clip(v - size // 2, 0, n - size)) for v, n in ((row, rows), (col, cols)))
    return slice(top, top + size), slice(left, left + size)


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for row in rows for name in row})
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names} | {
        "plates": float(len(rows))
    }


def _cropped(image: npt.NDArray[np.uint8], multiple: int) -> Grey:
    rows, cols = (n // multiple * multiple for n in image.shape)
    return image[:rows, :cols].astype(np.float32) / np.float32(255)


def _tensor(image: Grey, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image))[None, None].to(device) * 2 - 1


def _grey(image: torch.Tensor) -> Grey:
    return np.asarray(((image[0, 0].float() + 1) / 2).clamp(0, 1).cpu().numpy(), np.float32)
