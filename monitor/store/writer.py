"""The one writer of a build. Owns the commit of a layer: data first, record last; refuses to know what frames show."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from monitor.domain import CameraFacts, Frame, Gap, Layer, Mask, StoreError, Uptime
from monitor.store.arrays import DurableStore
from monitor.store.disk import disk_errors, make_folder, staged, sync_folder, write_durable
from monitor.store.layout import (
    RAW,
    RECOAT,
    build_folder,
    commits_in,
    end_file,
    lock_file,
    manifest_file,
    new_build_folder,
    record_file,
    recorded,
)
from monitor.store.lock import WriterLock
from monitor.store.records import ArrayRecord, BuildManifest, EndRecord, FrameRecord, LayerRecord, read_record, to_json
from monitor.store.references import write_reference
from monitor.store.reserve import from_reserve, keep_reserve, refill_reserve
from monitor.store.signals import SignalStore, map_record
from monitor.store.spool import LayerSignal
from monitor.store.staging import Place, Staged, Staging

NO_SIGNAL = LayerSignal()


class BuildWriter:
    """Writes the layers of one build, in order, each committed whole or not at all.

    A context manager; it holds the build's lock from `create` or `open` until `close`. What a crash left uncommitted
    is overwritten by the next commit of the same layer.
    """

    def __init__(self, folder: Path, manifest: BuildManifest, lock: WriterLock) -> None:
        self.manifest = manifest
        self._folder = folder
        self._lock = lock
        self._facts = {facts.name: facts for facts in manifest.cameras}
        self._calibrations = {f.name: f.calibration.digest for f in manifest.cameras if f.calibration}
        self._store = DurableStore(folder)
        self._signals = SignalStore(self._store)
        self._files = ThreadPoolExecutor(len(self._facts) + 2, "commit-files")  # the signal and its map as well
        self._cores = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "commit-cores")
        self._staging = Staging(self._store, self._facts, self._files, self._cores)
        self._next = max(recorded(commits_in(folder)), default=-1) + 1

    @classmethod
    def create(cls, root: Path, manifest: BuildManifest) -> BuildWriter:
        """Make a build and hold it.

        Raises:
            StoreError: the build is there already, or its id cannot be a folder.
            StoreLocked: another process is making the same build.
            StoreFull: no space left.
        """
        folder = new_build_folder(root, manifest.id)
        what = f"build {manifest.id}"
        keep_reserve(root, what)
        with disk_errors(what):
            make_folder(commits_in(folder), root)
            lock = WriterLock(lock_file(folder), what)
            lock.acquire()
        with ExitStack() as undo:
            undo.callback(lock.release)
            _make(folder, manifest)
            undo.pop_all()
        return cls(folder, manifest, lock)

    @classmethod
    def open(cls, root: Path, build: str) -> BuildWriter:
        """Hold a build that exists, to go on with it.

        Raises:
            NotInStore: there is no such build.
            StoreLocked: another process writes it.
            StoreVersion: it was written by a newer version.
            StoreError: it has ended.
        """
        folder = build_folder(root, build)
        manifest = read_record(BuildManifest, manifest_file(folder))
        with disk_errors(f"build {build}"):
            lock = WriterLock(lock_file(folder), f"build {build}")
            lock.acquire()
            make_folder(commits_in(folder), root)
        if end_file(folder).is_file():
            lock.release()
            raise StoreError(f"build {build} has ended", cure="start a new build")
        return cls(folder, manifest, lock)

    @property
    def next_index(self) -> int:
        """The layer that comes next."""
        return self._next

    def prepare(self, frame: Frame, *, recoat: bool = False) -> None:
        """Begin to write a frame that the next layer's commit may be given, in the background. Any thread may ask.

        It costs nothing but time where the commit is given another one: then it is removed. A frame that is not of the
        build's camera, and a disk that fails, are told by the commit.
        """
        facts = self._facts.get(frame.camera)
        fits = facts and self._lock.held and not _misfit(facts, frame)
        if fits and refill_reserve(self._folder.parent):  # what was given up for alarms is not for frames
            self._staging.begin(self._next, (RECOAT if recoat else RAW, frame.camera), frame)

    def commit(self, layer: Layer, signal: LayerSignal = NO_SIGNAL) -> LayerRecord:
        """Store one layer with its signal; when this returns, the layer survives a power cut.

        Raises:
            StoreError: not the next layer, a camera without frame or gap, a frame of another shape, or the disk failed.
            StoreFull: no space left. Nothing of the layer counts; the same layer can be committed again.
        """
        self._check(layer)
        try:
            record = self._write(layer, signal)
        finally:
            self._staging.give_up()
        self._next = layer.index + 1
        return record

    def _write(self, layer: Layer, signal: LayerSignal) -> LayerRecord:
        """Data first, record last."""
        what = f"layer {layer.index} of build {self.manifest.id}"
        shot = {(RAW, name): frame for name, frame in _frames(layer.captures).items()}
        shot |= {(RECOAT, name): frame for name, frame in _frames(layer.recoats).items()}
        keep_reserve(self._folder.parent, what)
        with disk_errors(what):
            smallest_first = sorted(shot.items(), key=lambda item: item[1].image.nbytes)
            begun = {place: self._staging.take(layer.index, place, frame) for place, frame in smallest_first}
            self._place(begun, self._signals.writes(layer.index, signal))
            syncs = self._store.begin_sync(self._files)
            frames = {place: _frame_record(frame, begun[place].file.result().array) for place, frame in shot.items()}
            record = replace(_record(layer, frames, signal), calibrations=self._calibrations)
            path = record_file(commits_in(self._folder), layer.index)
            with staged(path, (to_json(record),)) as partial:
                _wait_all(syncs)
                partial.replace(path)
            sync_folder(path.parent)
        return record

    def _place(self, begun: Mapping[Place, Staged], signal: Collection[Callable[[], None]]) -> None:
        """Wait until everything of a layer is fsynced, and give it its names; the folders are to be synced yet."""
        writes = [self._files.submit(write) for write in signal]
        with ExitStack() as undo:
            for staged in begun.values():
                undo.callback(staged.discard)
            _wait_all([*(staged.file for staged in begun.values()), *writes])
            undo.pop_all()
        for staged in begun.values():
            self._store.place(staged.file.result().key, staged.file.result().path)

    def set_reference(self, index: int, mask: Mask) -> None:
        """Set the mask that layer `index` should have: bool (rows, columns) in the plate grid.

        Raises:
            StoreError: the mask is not of the plate grid, or cannot be written.
        """
        write_reference(self._folder, self.manifest.grid, index, mask)

    def end(self, reason: str) -> None:
        """Say that the build is over and why. No layer can follow."""
        self._held()
        record = EndRecord(reason, _now())
        what = f"end of build {self.manifest.id}"
        from_reserve(self._folder.parent, what, lambda: write_durable(end_file(self._folder), to_json(record)))

    def close(self) -> None:
        """Give the build back; may be called twice."""
        self._staging.give_up()
        self._files.shutdown()
        self._cores.shutdown()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _held(self) -> None:
        if not self._lock.held:
            raise StoreError(f"build {self.manifest.id} is closed", cure="open the build again before writing")

    def _check(self, layer: Layer) -> None:
        self._held()
        build = self.manifest.id
        if end_file(self._folder).is_file():
            raise StoreError(f"build {build} has ended", cure="start a new build")
        if layer.index != self._next:
            raise StoreError(
                f"layer {layer.index} cannot be committed to build {build}: layer {self._next} is next",
                cure="commit layers in order; a layer without images is a layer of gaps",
            )
        if set(layer.captures) != set(self._facts):
            raise StoreError(
                f"layer {layer.index} has captures of {sorted(layer.captures)}, but build {build} has the cameras "
                f"{sorted(self._facts)}",
                cure="give a frame or a gap for every camera of the build",
            )
        if unknown := set(layer.recoats) - set(self._facts):
            raise StoreError(
                f"layer {layer.index} has recoat frames of {sorted(unknown)}, which build {build} has not",
                cure="give recoat frames of the build's cameras only",
            )
        for name, capture in (*layer.captures.items(), *layer.recoats.items()):
            _check_capture(self._facts[name], capture, f"layer {layer.index} of build {build}")


def _make(folder: Path, manifest: BuildManifest) -> None:
    """Write the manifest, last, once."""
    if manifest_file(folder).is_file():
        raise StoreError(f"build {manifest.id} exists already", cure="choose another id, or open the build")
    with disk_errors(f"build {manifest.id}"):
        write_durable(manifest_file(folder), to_json(manifest))


def _check_capture(facts: CameraFacts, capture: Frame | Gap, what: str) -> None:
    if capture.camera != facts.name:
        raise StoreError(
            f"{what}: the capture of '{facts.name}' says it is of '{capture.camera}'",
            cure="name the camera that took it",
        )
    if isinstance(capture, Gap):
        return
    if _misfit(facts, capture):
        image = capture.image
        raise StoreError(
            f"{what}: the frame of '{facts.name}' is {image.dtype} {image.shape}, the build's camera gives "
            f"{facts.dtype} {facts.shape}",
            cure="start a new build for the changed camera",
        )


def _misfit(facts: CameraFacts, frame: Frame) -> bool:
    """Whether a frame has not the shape or type of the build's camera."""
    return frame.image.shape != facts.shape or str(frame.image.dtype) != facts.dtype


def _frames(captures: Mapping[str, Frame | Gap]) -> dict[str, Frame]:
    return {name: capture for name, capture in captures.items() if isinstance(capture, Frame)}


def _gaps(captures: Mapping[str, Frame | Gap]) -> dict[str, str]:
    return {name: capture.reason for name, capture in captures.items() if isinstance(capture, Gap)}


def _record(layer: Layer, frames: Mapping[tuple[str, str], FrameRecord], signal: LayerSignal) -> LayerRecord:
    """The record of a layer whose frames, by group and camera, are `frames`."""
    return LayerRecord(
        layer.index,
        layer.height_mm,
        layer.wall_time,
        layer.end,
        {name: frame for (group, name), frame in frames.items() if group == RAW},
        _gaps(layer.captures),
        _now(),
        signal=signal.record,
        signal_gap="" if signal.record else signal.gap,
        laser_map=map_record(signal.laser_map) if signal.laser_map else None,
        laser_map_gap="" if signal.laser_map else signal.laser_map_gap,
        recoats={name: frame for (group, name), frame in frames.items() if group == RECOAT},
        recoat_gaps=_gaps(layer.recoats),
        uptime=Uptime.now(),
    )


def _wait_all(futures: Collection[Future[Any]]) -> None:
    """Wait until all are over; raise the first failure only then, so that nothing is still written meanwhile."""
    wait(futures)
    for future in futures:
        future.result()


def _frame_record(frame: Frame, array: ArrayRecord) -> FrameRecord:
    return FrameRecord(array, frame.time_s, frame.exposure_us, frame.gain_db, frame.bits, frame.flaw)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
