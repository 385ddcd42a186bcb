"""Repair of one build. Only ever adds knowledge: nothing is deleted, nothing that can be read is written over.

What is found and what is done:

- a frame, signal, map, reference, product or record that cannot be read, or a record that is lost: a repair note beside
  the layer's record says what is unreadable;
- metadata of an array that is missing or damaged: made again from the manifest and the records, the damaged file set
  aside; kept only where a layer then reads with its digest;
- partial files of a process that died: set aside, under their own paths.

A second repair of the same build finds nothing to do. A manifest cannot be made again: nothing else knows the cameras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

from monitor.domain import StoreError
from monitor.store.arrays import DurableStore, LayerArray, ensure_group
from monitor.store.disk import disk_errors, make_folder, sync_folder, write_durable
from monitor.store.keeping_records import RepairRecord
from monitor.store.layout import build_folder, lock_file, record_file, repairs_in, set_aside_in
from monitor.store.lock import WriterLock
from monitor.store.metadata import META, Metadata, fault_of, metadata_of
from monitor.store.reader import BuildReader
from monitor.store.records import read_record, to_json
from monitor.store.verifying import Problem, problems_of


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a repair does.

    Attributes:
        what: what was found, in words.
        done: what is done about it, in words.
        do: does it, durably.
    """

    what: str
    done: str
    do: Callable[[], None]


def repair(root: Path, build: str, *, apply: bool = False) -> tuple[Step, ...]:
    """Look at a build, and with `apply` do what can be done. The steps that are due, or were done.

    Raises:
        NotInStore: there is no such build.
        StoreLocked: another process writes it.
        StoreVersion, StoreCorrupt: its manifest cannot be read.
        StoreError: the disk failed.
    """
    folder = build_folder(root, build)
    reader = BuildReader.open(root, build)
    what = f"build {build}"
    with disk_errors(f"repair of {what}"):
        lock = WriterLock(lock_file(folder), what)
        lock.acquire()
        try:
            return tuple(
                _taken(chain(_partials(folder), _metadata(folder, reader), _notes(folder, root, build)), apply)
            )
        finally:
            lock.release()


def _taken(steps: Iterable[Step], apply: bool) -> Iterator[Step]:
    """The steps, each done before the next one is looked for: mended metadata makes layers readable."""
    for step in steps:
        if apply:
            step.do()
        yield step


def _partials(folder: Path) -> Iterator[Step]:
    """Files that were being written when a process died."""
    for path in sorted(folder.rglob(".*.partial")):
        if set_aside_in(folder) not in path.parents:
            yield Step(
                f"{path.relative_to(folder)} was being written when a process died",
                "set aside",
                partial(_set_aside, folder, path),
            )


def _metadata(folder: Path, reader: BuildReader) -> Iterator[Step]:
    """Groups and arrays whose metadata is missing or damaged."""
    for meta in metadata_of(folder, reader):
        path = folder / meta.path / META
        fault = fault_of(folder, meta)
        if fault:
            yield Step(
                f"the metadata {path.relative_to(folder)} {fault}",
                "made again from the manifest and the records",
                partial(_make_again, folder, path, meta),
            )


def _make_again(folder: Path, path: Path, meta: Metadata) -> None:
    if path.exists():
        _set_aside(folder, path)
    store = DurableStore(folder)
    if meta.row is None:
        ensure_group(store, meta.path, meta.attributes)
    else:
        array = LayerArray.open_or_create(
            store, meta.path, meta.row, meta.dtype, fill=meta.fill, names=meta.names, separator=meta.separator
        )
        array.make_room(meta.layers)
    store.sync_folders()


def _notes(folder: Path, root: Path, build: str) -> Iterator[Step]:
    """Layers of which something cannot be read, and that no note tells yet."""
    for index, problems in sorted(problems_by_layer(problems_of(root, build)).items()):
        path = record_file(repairs_in(folder), index)
        note = RepairRecord(index, tuple(problems), datetime.now(UTC).isoformat(timespec="seconds"))
        if _noted(path) != note.unreadable:
            yield Step(
                "; ".join(problems),
                f"layer {index} is marked in repairs/{path.name}",
                partial(_write_note, folder, path, note),
            )


def problems_by_layer(problems: Sequence[Problem]) -> dict[int, list[str]]:
    """The words of the problems by the layer to which they belong."""
    found: dict[int, list[str]] = {}
    for problem in problems:
        if problem.layer is not None:
            found.setdefault(problem.layer, []).append(problem.what)
    return found


def _noted(path: Path) -> tuple[str, ...]:
    try:
        return read_record(RepairRecord, path).unreadable
    except StoreError:
        return ()


def _write_note(folder: Path, path: Path, note: RepairRecord) -> None:
    make_folder(path.parent, folder)
    if path.exists():
        _set_aside(folder, path)  # what was known before stays known
    write_durable(path, to_json(note))


def _set_aside(folder: Path, path: Path) -> None:
    """Move a file out of the way, under its own path; never over another one."""
    target = set_aside_in(folder) / path.relative_to(folder)
    make_folder(target.parent, folder)
    number = 0
    while target.exists():
        number += 1
        target = target.with_name(f"{path.name}.{number}")
    path.rename(target)
    sync_folder(target.parent)
    sync_folder(path.parent)


def repair_notes(root: Path, build: str) -> dict[int, tuple[str, ...]]:
    """What earlier repairs found unreadable, in words by layer. Raises NotInStore where there is no such build."""
    notes = repairs_in(build_folder(root, build))
    indices = sorted(int(path.stem) for path in notes.glob("[0-9]*.json")) if notes.is_dir() else []
    return {index: _noted(record_file(notes, index)) for index in indices}
