"""From a layer to a picture, by name. Owns the methods that are compared and how each is found; refuses to judge them.

LR, bicubic, LR in HR's tone, and LR restored by a filter that the training layers tell need no model. The default
bundle runs as it is, and calibrated, with the look that the training layers tell. A model is a bundle that was given,
or one that is trained here by its recipe on the data set's own training layers (`training`); where there is neither,
the method is missing, with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from monitor.config import UpscaleSettings
from monitor.domain import ConfigError, FloatImage, Image
from monitor.inference import Bundle, DiffusionTable, Provider, find_bundle
from monitor.study.data import LayerPair
from monitor.study.timing import Spent, bundle_seconds
from monitor.upscale import Look, Upscaler, bare_look, grounded

DEFAULT_BUNDLE = UpscaleSettings().bundle
NAMES = {
    "lr": "LR",
    "lr_toned": "LR, HR's tone",
    "restored": "LR restored, without a model",
    "bicubic": "bicubic",
    "regression": "regression",
    "pixel": "pixel diffusion",
    "latent": "latent diffusion",
    "default": "default bundle",
    "calibrated": "default bundle, calibrated",
}
"""How a method is called, in the order of tables."""
LOOKED_AT = 8
"""Training layers that tell a look, at most."""
MODELS = ("regression", "pixel", "latent", "default")


class Method(Protocol):
    """What makes a picture of a layer.

    Attributes:
        name: one of `NAMES`.
        title: how tables call it: never one that could be taken for another's model, or for a larger one.
        short: the same for legends and heads of columns.
        label: what exactly it is: the bundle with its digest, or the recipe.
        digest: of all that its pictures follow from.
    """

    @property
    def name(self) -> str:
        """As above."""
        ...

    @property
    def title(self) -> str:
        """As above."""
        ...

    @property
    def short(self) -> str:
        """As above."""
        ...

    @property
    def label(self) -> str:
        """As above."""
        ...

    @property
    def digest(self) -> str:
        """As above."""
        ...

    def draw(self, pair: LayerPair, seed: int) -> Image:
        """The picture, uint8 (rows, columns); the same seed gives the same picture."""
        ...

    def spent(self, batch: int, px: int) -> Spent | None:
        """Time a sample of px × px pixels at this batch; None for what runs no model."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """A method without a model."""

    name: str
    make: Callable[[LayerPair], Image]

    @property
    def title(self) -> str:
        """Its name says all."""
        return NAMES[self.name]

    short = label = title

    @property
    def digest(self) -> str:
        """It follows from the layer alone."""
        return self.name

    def draw(self, pair: LayerPair, seed: int) -> Image:
        """The same for every seed."""
        del seed
        return self.make(pair)

    def spent(self, batch: int, px: int) -> Spent | None:
        """No model runs."""
        del batch, px
        return None


@dataclass(frozen=True, slots=True)
class Restored:
    """What both cameras' training layers have back of LR without a model."""

    look: Look
    name: str = "restored"

    @classmethod
    def told(cls, lr: npt.NDArray[np.uint8], hr: npt.NDArray[np.uint8]) -> Restored:
        """By these layers, uint8 (n, rows, columns)."""
        return cls(bare_look([(_unit(lr[k]), _unit(hr[k])) for k in _some(lr)]))

    @property
    def title(self) -> str:
        """Its name says all."""
        return NAMES[self.name]

    short = title

    @property
    def label(self) -> str:
        """With the tone."""
        return f"{self.title}: tone {self.look.tone[0]:.3f} {self.look.tone[1]:+.3f}"

    @property
    def digest(self) -> str:
        """It follows from the look."""
        return f"restored {self.look}"

    def draw(self, pair: LayerPair, seed: int) -> Image:
        """The same for every seed."""
        del seed
        made = grounded(_unit(pair.lr), self.look).restored
        return np.asarray(np.rint(np.clip(made, 0, 1) * 255), np.uint8)

    def spent(self, batch: int, px: int) -> Spent | None:
        """No model runs."""
        del batch, px
        return None


@dataclass(frozen=True, slots=True)
class Bundled:
    """A bundle as the product runs it."""

    name: str
    bundle: Bundle
    upscaler: Upscaler

    @classmethod
    def load(
        cls,
        name: str,
        directory: Path,
        *,
        provider: Provider = "cpu",
        threads: int = 1,
        steps: int = 0,
        samples: int = 1,
    ) -> Bundled:
        """Open a bundle; steps are those that it was measured with unless given.

        Raises:
            BundleError: it is none, is broken, or cannot run where asked.
        """
        bundle = Bundle.load(directory)
        table = bundle.manifest.diffusion
        settings = UpscaleSettings(
            bundle=bundle.manifest.name, provider=provider, threads=threads, samples=samples,
            steps=steps or (table.steps if table else 1),
        )  # fmt: skip
        return cls(name, bundle, Upscaler.load(bundle, settings))

    @property
    def title(self) -> str:
        """Its name, and which bundle it is unless it is the default."""
        known = self.name in ("default", "calibrated")
        return NAMES[self.name] if known else f"{NAMES[self.name]}, {self.bundle.manifest.name}"

    short = title

    @property
    def table(self) -> DiffusionTable | None:
        """Facts of a diffusion model; None for a regression."""
        return self.bundle.manifest.diffusion

    @property
    def label(self) -> str:
        """Name, short digest, steps, provider, and the look where it is known."""
        look = self.upscaler.look
        seen = ", tone {:.3f} {:+.3f}".format(*look.tone) if look else ""
        seen += ", detail " + " ".join(f"{gain:.2f}" for gain in look.detail) if look else ""
        seen += ", restored" if look and look.restoration else ""
        return f"{self.bundle.label}, {self.upscaler.steps} steps, {self.upscaler.device}{seen}"

    @property
    def digest(self) -> str:
        """Of the manifest, with what it was asked for."""
        return (
            f"{self.bundle.digest} steps {self.upscaler.steps} samples {self.upscaler.samples} {self.upscaler.device}"
            + (f" look {self.upscaler.look}" if self.upscaler.look else "")
        )

    def calibrated(self, lr: npt.NDArray[np.uint8], hr: npt.NDArray[np.uint8]) -> Bundled:
        """The same with the look that these layers tell, as `calibrate tone` measures it: uint8 (n, rows, columns)."""
        look = self.upscaler.look_between([(lr[k], hr[k]) for k in _some(lr)])
        return replace(self, name="calibrated", upscaler=replace(self.upscaler, look=look))

    def draw(self, pair: LayerPair, seed: int) -> Image:
        """The first member of the ensemble."""
        return self.upscaler.upscale(pair.lr, seed).image

    def spent(self, batch: int, px: int) -> Spent | None:
        """Measured now."""
        return bundle_seconds(self.upscaler.sessions, self.table, batch, px, self.upscaler.steps)


def _some(layers: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Numbers of those that tell a look."""
    return np.unique(np.linspace(0, len(layers) - 1, min(LOOKED_AT, len(layers))).astype(np.int64))


def _unit(image: Image) -> FloatImage:
    return image.astype(np.float32) / np.float32(255)


def in_lines(short: str) -> str:
    """A method's short name in lines for the head of a column of pictures."""
    return short.replace(" diffusion", "\ndiffusion").replace(", ", ",\n")


PLAIN: Mapping[str, Plain] = {
    "lr": Plain("lr", lambda pair: pair.lr),
    "lr_toned": Plain("lr_toned", lambda pair: in_tone(pair.lr, pair.hr)),
    "bicubic": Plain("bicubic", lambda pair: pair.bicubic),
}


def in_tone(image: Image, reference: Image) -> Image:
    """The image with the gain and offset that fit the reference best: what only one who knows HR can do."""
    gain, offset = np.polyfit(image.ravel().astype(np.float64), reference.ravel().astype(np.float64), 1)
    return np.asarray(np.clip(np.rint(gain * image + offset), 0, 255), np.uint8)


def bundle_paths(given: list[str]) -> dict[str, Path]:
    """Directories of bundles by method, from `NAME`, `PATH`, `METHOD=NAME` or `METHOD=PATH`; "default" without method.

    Raises:
        ConfigError: no such method.
        BundleError: no such bundle.
    """
    found = {"default": find_bundle(None, DEFAULT_BUNDLE)}
    for text in given:
        method, _, where = text.rpartition("=")
        method = method or "default"
        if method not in (*MODELS, "segmenter"):
            raise ConfigError(
                f"there is no method '{method}' that a bundle can be given for",
                cure=f"write METHOD=BUNDLE with one of {', '.join((*MODELS, 'segmenter'))}",
            )
        found[method] = Path(where) if Path(where).is_dir() else find_bundle(None, where)
    return found
