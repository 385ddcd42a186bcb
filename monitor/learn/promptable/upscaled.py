"""Super-resolved pictures of virtual layers, which are what a run segments. Owns their making and the cache.

Refuses to know how a super-resolution bundle works.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from monitor.config import UpscaleSettings
from monitor.inference import Bundle, find_bundle
from monitor.learn.plates import Plates
from monitor.learn.progress import Progress
from monitor.upscale import Upscaler

Images = npt.NDArray[np.uint8]


def load_upscaler(name: str) -> tuple[Upscaler, str] | None:
    """A bundle's upscaler, one sample a picture, and its label; None for no name.

    Raises:
        BundleError: there is no such bundle, or it cannot run.
    """
    if not name:
        return None
    bundle = Bundle.load(find_bundle(None, name))
    return Upscaler.load(bundle, UpscaleSettings(bundle=name, samples=1)), bundle.label


def upscaled(
    upscaler: tuple[Upscaler, str] | None, plates: Plates, cache: Path, progress: Progress | None = None
) -> Images:
    """What the bundle makes of each webcam picture: uint8 (N, rows, columns); N is 0 without a bundle.

    Args:
        upscaler: from `load_upscaler`.
        plates: the layers.
        cache: directory of `.npy` files.
        progress: shows how far it is.
    """
    if upscaler is None:
        return plates.lr[:0]
    model, label = upscaler
    file = cache / f"upscaled-{label.replace('@', '-')}-{plates.digest[:16]}.npy"
    if file.is_file():
        return np.asarray(np.load(file, allow_pickle=False), dtype=np.uint8)
    shown = progress or Progress(None)
    seeds = shown.track("super-resolving plates", range(len(plates.lr)), len(plates.lr))
    made = np.stack([model.upscale(plates.lr[seed], seed).image for seed in seeds])
    partial = file.with_suffix(".partial.npy")
    np.save(partial, made, allow_pickle=False)
    partial.replace(file)
    return made
