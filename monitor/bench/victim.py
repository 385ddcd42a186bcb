"""The processes of a fault campaign: one that writes until it dies, one that reads all the while.

Owns what a written layer must be for whoever reads it; refuses to know when and how the writer dies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from monitor.bench import synthetic
from monitor.domain import Frame, Image, NotInStore, StoreError
from monitor.store import BuildReader, BuildWriter, ProductReader, ProductWriter

CAMERAS = synthetic.cameras()
LAYERS = 150
"""Layers of one build: its arrays grow twice."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One commit that returned: of the "layer" or of its "product"."""

    build: str
    what: str
    index: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What a reader saw: layers and products read, and in words those that were not what had been committed."""

    reads: int
    torn: tuple[str, ...]


def name_of(number: int) -> str:
    """Id of the campaign's build of this number."""
    return f"build-{number:04d}"


def write_until_killed(root: Path, acks: Connection) -> None:
    """Go on with the newest build, or begin the next, and say each commit that returned, without an end."""
    while True:
        with _writer(root) as writer, ProductWriter.open(root, writer.manifest.id) as products:
            build = writer.manifest.id
            for index in sorted(set(range(writer.next_index)) - set(products.layers())):
                products.commit(synthetic.product(index))
            for index in range(writer.next_index, LAYERS):
                writer.set_reference(index, synthetic.mask(index))
                layer = synthetic.layer(index, CAMERAS)
                for capture in layer.captures.values():
                    if isinstance(capture, Frame):
                        writer.prepare(capture)
                writer.commit(layer)
                acks.send(Acknowledged(build, "layer", index))
                products.commit(synthetic.product(index))
                acks.send(Acknowledged(build, "product", index))
            writer.end("full")


def _writer(root: Path) -> BuildWriter:
    number = newest(root)
    try:
        if BuildReader.open(root, name_of(number)).ended is None:
            return BuildWriter.open(root, name_of(number))
        number += 1
    except NotInStore:
        pass
    return BuildWriter.create(root, synthetic.manifest(name_of(number), CAMERAS))


def newest(root: Path) -> int:
    """Number of the newest build, 0 before the first."""
    numbers = [int(path.parent.name.removeprefix("build-")) for path in root.glob("build-*/manifest.json")]
    return max(numbers, default=0)


def look_until_told(root: Path, done: Event, answer: Connection) -> None:
    """Read each layer and product of the newest build the moment its record is there; then say what was seen."""
    seen: set[Acknowledged] = set()
    torn: list[str] = []
    while not done.wait(0.001):
        build = name_of(newest(root))
        for item in there(root, build):
            if item not in seen:
                seen.add(item)
                torn += faults_of(root, item)
    answer.send(Looked(len(seen), tuple(torn)))


def there(root: Path, build: str) -> Iterator[Acknowledged]:
    """Everything that is committed in a build."""
    try:
        yield from (Acknowledged(build, "layer", index) for index in BuildReader.open(root, build).layers())
        yield from (Acknowledged(build, "product", index) for index in ProductReader.open(root, build).layers())
    except NotInStore:
        return


def faults_of(root: Path, item: Acknowledged) -> list[str]:
    """In words, what of a committed item is not as it was written; empty when all is."""
    try:
        right = _layer_is_right(root, item) if item.what == "layer" else _product_is_right(root, item)
    except StoreError as error:
        return [error.what]
    return [] if right else [f"{item} has other content"]


def _layer_is_right(root: Path, item: Acknowledged) -> bool:
    reader = BuildReader.open(root, item.build)
    expected = synthetic.layer(item.index, CAMERAS)
    reference = reader.reference(item.index)
    frames = {facts.name: reader.capture(item.index, facts.name) for facts in CAMERAS}
    return (
        reader.end(item.index) == expected.end
        and all(isinstance(f, Frame) and np.array_equal(f.image, _image(item, f.camera)) for f in frames.values())
        and reference is not None
        and np.array_equal(reference, synthetic.mask(item.index))
    )


def _image(item: Acknowledged, camera: str) -> Image:
    return synthetic.image(item.index, next(facts for facts in CAMERAS if facts.name == camera))


def _product_is_right(root: Path, item: Acknowledged) -> bool:
    products = ProductReader.open(root, item.build)
    wanted = synthetic.mask(item.index)
    return np.array_equal(products.array(item.index, "mask"), wanted) and np.array_equal(
        products.plane(item.index) > 127, wanted
    )
