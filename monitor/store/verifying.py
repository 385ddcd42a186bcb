"""Checking a whole build: every record, every digest, every plane of the volume. Finds damage; refuses to repair it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.domain import Frame, LayerProduct, StoreError
from monitor.store.layout import build_folder, product_sets
from monitor.store.metadata import META, fault_of, metadata_of
from monitor.store.planes import planes_of
from monitor.store.product_reader import ProductReader
from monitor.store.reader import BuildReader
from monitor.store.records import has_digest
from monitor.store.references import reference_layers

OF = {"occupancy": "mask", "probability": "probability", "parts": "part ids"}
"""What each image of the volume follows from."""
_SOURCES = ("mask", "probability", "part_id")
Progress = Callable[[int, int], None]
"""Called after each layer with the number of layers done and of all."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in words, with the layer to which it belongs, None for the build."""

    what: str
    layer: int | None = None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check of one build found.

    Attributes:
        build: its id.
        layers: committed layers that were checked.
        frames: frames that match their digests, of the finished layers and of the fresh powder.
        signals: layers whose trigger signal matches its digests.
        references: reference masks that match their digests.
        products: layers of all product sets that were checked.
        problems: what is wrong, in words; empty when all is well.
    """

    build: str
    layers: int
    frames: int
    signals: int
    references: int
    products: int
    problems: tuple[str, ...]


def verify(root: Path, build: str, progress: Progress | None = None) -> VerifyReport:
    """Read everything that is committed in a build and compare it with its records.

    Raises:
        NotInStore: there is no such build.
        StoreVersion: it was written by a newer version.
        StoreCorrupt: its manifest is damaged, so that nothing else can be checked.
    """
    check = _checked(root, build, progress)
    problems = tuple(dict.fromkeys(problem.what for problem in check.problems))
    return VerifyReport(build, check.layers, check.frames, check.signals, check.references, check.products, problems)


def problems_of(root: Path, build: str) -> tuple[Problem, ...]:
    """As `verify`: what is wrong, each with its layer."""
    return tuple(dict.fromkeys(_checked(root, build, None).problems))


def _checked(root: Path, build: str, progress: Progress | None) -> _Check:
    reader = BuildReader.open(root, build)
    check = _Check()
    layers = reader.layers()
    check.layers = len(layers)
    check.order(layers, build)
    for done, index in enumerate(layers, start=1):
        check.layer(reader, index)
        if progress:
            progress(done, len(layers))
    for index in reference_layers(build_folder(root, build)):
        with check.noted(index):
            check.references += reader.reference(index) is not None
    for product_set in product_sets(build_folder(root, build)):
        products = ProductReader.open(root, build, product_set)
        for index in products.layers():
            check.product(products, index)
    folder = build_folder(root, build)
    faults = ((meta.path, fault_of(folder, meta)) for meta in metadata_of(folder, reader))
    check.problems += [Problem(f"the metadata {Path(path) / META} of build {build} {f}") for path, f in faults if f]
    with check.noted():
        _ = reader.ended
    return check


@dataclass
class _Check:
    """Counts and problems so far."""

    problems: list[Problem] = field(default_factory=list)
    layers: int = 0
    frames: int = 0
    signals: int = 0
    references: int = 0
    products: int = 0

    @contextmanager
    def noted(self, layer: int | None = None) -> Iterator[None]:
        """Turn an error of the store into a problem and go on."""
        try:
            yield
        except StoreError as error:
            self.problems.append(Problem(error.what, layer))

    def order(self, layers: tuple[int, ...], build: str) -> None:
        """Layers are committed in order, so a hole in their records is a lost record."""
        lost = sorted(set(range(max(layers, default=-1) + 1)) - set(layers))
        self.problems += [
            Problem(f"layer {index} of build {build} has lost its commit record", index) for index in lost
        ]

    def layer(self, reader: BuildReader, index: int) -> None:
        """Every camera of one layer, its signal and its laser-on map."""
        for facts in reader.facts:
            with self.noted(index):
                self.frames += isinstance(reader.capture(index, facts.name), Frame)
            with self.noted(index):
                self.frames += isinstance(reader.recoat(index, facts.name), Frame)
        with self.noted(index):
            self.signals += sum(piece.samples for piece in reader.signal_pieces(index)) > 0
        with self.noted(index):
            reader.laser_map(index)

    def product(self, products: ProductReader, index: int) -> None:
        """Every array of one layer's products, and its plane of the volume against its mask."""
        self.products += 1
        with self.noted(index):
            record = products.record(index)
            for name in record.arrays:
                with self.noted(index):
                    products.array(index, name)
            digests = {"occupancy": record.plane, **record.planes}
            for image, levels in digests.items():
                for level in range(len(levels)):
                    with self.noted(index):
                        products.plane(index, level, image=image)
            made_of: dict[str, Any] = {name: products.array(index, name) for name in _SOURCES if name in record.arrays}
            made = LayerProduct(index, record.state, **made_of)
            expected = planes_of(made, products.grid.shape, len(record.plane))
            for image, levels in digests.items():
                if not all(has_digest(*pair) for pair in zip(expected[image], levels, strict=True)):
                    what = f"the volume plane of layer {index} in '{products.product_set}' is not its {OF[image]}"
                    self.problems.append(Problem(what, index))
