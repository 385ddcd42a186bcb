"""What every study is given. Owns plan, results so far, data sets and methods by name; refuses to judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from monitor.domain import Image
from monitor.inference import Bundle, Provider, SegmenterModel
from monitor.learn.plates import Plates
from monitor.study.cache import Cache
from monitor.study.data import DataSet, LayerPair, virtual_set
from monitor.study.findings import Findings
from monitor.study.methods import NAMES, PLAIN, Bundled, Method, Restored
from monitor.study.plan import Plan
from monitor.study.training import TrainedHere, train_method


@dataclass
class Desk:
    """One run of studies.

    Attributes:
        plan: the size.
        size: its name.
        cache: results so far.
        bundles: directories of bundles by method, and of the "segmenter".
        data: directory of real pictures, or None.
        provider: where bundles run.
        used: digests of data and bundles that this study used, by name; cleared between studies.
    """

    plan: Plan
    size: str
    cache: Cache
    bundles: dict[str, Path]
    data: Path | None = None
    provider: Provider = "cpu"
    used: dict[str, str] = field(default_factory=dict)
    _sets: dict[str, DataSet] = field(default_factory=dict)

    def data_set(self, name: str) -> DataSet:
        """Data set "A" or "B"."""
        if name not in self._sets:
            self._sets[name] = virtual_set(name, self.plan, self.cache)
        found = self._sets[name]
        self.used[f"data set {name}: {found.description}"] = found.digest
        return found

    def test_layers(self, name: str) -> tuple[LayerPair, ...]:
        """Layers of a data set that no training of a study sees, at most as many as the plan looks at."""
        return self.data_set(name).test[: self.plan.sweep.test_layers]

    def methods(self, train: Plates, said: Findings, names: Sequence[str] = tuple(NAMES)) -> list[Method]:
        """The methods of these names, models trained on these plates where none is given; the missing are said."""
        found = []
        for name in names:
            method = PLAIN.get(name) or self.model(name, train, said)
            if method is not None:
                found.append(method)
        return found

    def model(self, name: str, train: Plates, said: Findings) -> Method | None:
        """One model: the bundle that was given, or trained here; None, and said, where there is neither.

        "calibrated" is the default bundle with the look that these plates tell, "restored" LR with it and no bundle.
        """
        made: Method
        if name == "restored":
            made = Restored.told(train.lr, train.hr)
        elif name == "calibrated":
            made = self.bundled("default").calibrated(train.lr, train.hr)
        elif name in self.bundles:
            made = self.bundled(name)
        else:
            return self.trained(name, train, said)
        self.note(made)
        return made

    def trained(self, name: str, train: Plates, said: Findings, start: TrainedHere | None = None) -> TrainedHere | None:
        """One model trained on these plates, whatever bundle was given; None, and said, where the size trains none.

        With a model to start from, by the plan's recipe for kernels.
        """
        recipe: str = self.plan.train.kernel if start else getattr(self.plan.train, name, "")
        if not recipe:
            said.missing(NAMES[name], f"no bundle was given, and size '{self.size}' trains none")
            return None
        made = train_method(name, recipe, train, self.plan, self.cache, start)
        self.note(made)
        return made

    def note(self, method: Method) -> None:
        """Name a method with its digest among what the study used."""
        self.used[f"{NAMES[method.name]}: {method.label}"] = method.digest

    def bundled(self, name: str = "default", *, steps: int = 0, samples: int = 1) -> Bundled:
        """The bundle of a method, as the product runs it."""
        return Bundled.load(
            name, self.bundles[name], provider=self.provider, threads=self.plan.threads, steps=steps, samples=samples
        )

    def picture(self, method: Method, pair: LayerPair, seed: int = 0) -> Image:
        """The method's picture of a layer, drawn once."""
        key = {"what": "picture", "method": method.digest, "layer": pair.digest, "seed": seed}
        return np.asarray(self.cache.arrays(key, lambda: {"image": method.draw(pair, seed)})["image"], np.uint8)

    @cached_property
    def segmenter(self) -> tuple[SegmenterModel, str]:
        """The segmenter and its label."""
        bundle = Bundle.load(self.bundles["segmenter"])
        return SegmenterModel(bundle, self.provider, self.plan.threads), bundle.label


def whole_plates(pairs: Sequence[LayerPair]) -> Plates:
    """Layers to train on."""
    return _plates([(pair.lr, pair.hr, pair.mask) for pair in pairs])


def part_plates(pairs: Sequence[LayerPair], boxes: Sequence[tuple[slice, slice]]) -> Plates:
    """Parts to train on: the tiles of some parts, one plate each."""
    return _plates(
        [(pair.lr[b], pair.hr[b], None if pair.mask is None else pair.mask[b]) for pair in pairs for b in boxes]
    )


def _plates(cuts: list[tuple[Image, Image, npt.NDArray[np.bool_] | None]]) -> Plates:
    masks = [np.zeros(hr.shape, np.bool_) if mask is None else mask for _, hr, mask in cuts]
    lr, hr = (np.stack([np.ascontiguousarray(cut[k]) for cut in cuts]) for k in (0, 1))
    return Plates(lr, hr, np.stack(masks), np.zeros(len(cuts), np.bool_))
