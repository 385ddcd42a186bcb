"""Frames of the next layer, on the disk before their layer is. Owns what was begun early; refuses to know commits.

A frame is compressed, digested, written and fsynced under a temporary name as soon as it arrives, while it is judged
and while the other camera still exposes. It has no name that a reader knows, so it is nothing until a commit gives it
one; a frame that no commit wants is removed, and what a crash leaves is overwritten by the same layer's next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from monitor.domain import CameraFacts, Frame
from monitor.store.arrays import DurableStore, LayerArray, ensure_group
from monitor.store.records import ArrayRecord

Pixels = npt.NDArray[Any]
Place = tuple[str, str]
"""Group and camera."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """What one frame became.

    Attributes:
        key: its place in the store.
        path: where it is.
        array: what its record says of its pixels.
    """

    key: str
    path: Path
    array: ArrayRecord


@dataclass(frozen=True, slots=True)
class Staged:
    """One frame on its way.

    Attributes:
        index: its layer.
        image: its pixels; a frame with other ones is another frame.
        file: once it is durable but for its name; raises OSError where it cannot be written.
    """

    index: int
    image: Pixels
    file: Future[StagedFile]

    def discard(self) -> None:
        """Remove what no commit wants, once it is written."""
        wait((self.file,))
        if not self.file.exception():
            self.file.result().path.unlink(missing_ok=True)


class Staging:
    """The frames that were begun, at most one for each place. One thread commits; any thread may begin a frame.

    Args:
        store: of the build.
        facts: of its cameras, by name.
        files: writes.
        cores: compresses.
    """

    def __init__(self, store: DurableStore, facts: Mapping[str, CameraFacts], files: Executor, cores: Executor) -> None:
        self._store = store
        self._facts = facts
        self._files = files
        self._cores = cores
        self._begun: dict[Place, Staged] = {}
        self._arrays: dict[Place, LayerArray] = {}

    def begin(self, index: int, place: Place, frame: Frame) -> None:
        """Begin a frame of the layer that comes next; what was begun for its place before is given up."""
        self._begun[place] = self._started(index, place, frame, self._begun.pop(place, None))

    def take(self, index: int, place: Place, frame: Frame) -> Staged:
        """The frame, begun now where it was not; it belongs to the caller then."""
        found = self._begun.pop(place, None)
        if found and found.index == index and found.image is frame.image:
            return found
        return self._started(index, place, frame, found)

    def give_up(self) -> None:
        """Remove all that was begun and not taken."""
        while self._begun:
            self._begun.popitem()[1].discard()

    def _started(self, index: int, place: Place, frame: Frame, instead_of: Staged | None) -> Staged:
        return Staged(index, frame.image, self._files.submit(self._write, index, place, frame.image, instead_of))

    def _write(self, index: int, place: Place, image: Pixels, instead_of: Staged | None) -> StagedFile:
        if instead_of:  # its temporary name may be the same
            instead_of.discard()
        array = self._array(place)
        array.make_room(index + 1)
        key, pieces = array.key(index), array.packed(image, self._cores)
        described = self._cores.submit(ArrayRecord.of, image)  # behind the strips, for which the disk waits
        return StagedFile(key, self._store.stage(key, pieces), described.result())

    def _array(self, place: Place) -> LayerArray:
        """The camera's array in a group, made at its first frame there."""
        with self._store.making:
            if place in self._arrays:
                return self._arrays[place]
            group, camera = place
            facts = self._facts[camera]
            ensure_group(self._store, "")
            ensure_group(self._store, group)
            array = LayerArray.open_or_create(self._store, f"{group}/{camera}", facts.shape, facts.dtype)
            return self._arrays.setdefault(place, array)
