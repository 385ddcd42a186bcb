"""The control of a replay, beside the build that it makes. Owns the file and what may be asked; refuses to replay.

<root>/<build>/replay-control.json: one record, replaced whole. The replay reads it between two layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict

from monitor.domain import NotInStore, ReplayControl, StoreError
from monitor.store.disk import disk_errors, write_durable
from monitor.store.layout import build_folder
from monitor.store.reader import BuildReader
from monitor.store.records import FORMAT, read_record, to_json

Verb = Literal["run", "pause", "step", "speed", "goto"]


class ReplayRefused(StoreError):  # noqa: N818 - read as a sentence
    """A replay cannot go on so: it is over, or what is asked for cannot be."""


@dataclass(frozen=True)
class ControlRecord:
    """A control as it is kept."""

    control: ReplayControl
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


def read_control(root: Path, build: str) -> ReplayControl:
    """What is wanted of the replay that makes a build; as it was started, where nobody said anything.

    Raises:
        NotInStore: there is no such build.
        StoreCorrupt: the record is damaged.
    """
    path = _file(build_folder(root, build))
    try:
        return read_record(ControlRecord, path).control
    except NotInStore:
        return ReplayControl()


def control_replay(root: Path, build: str, verb: Verb, value: float | None = None) -> ReplayControl:
    """Say how the replay that makes a build goes on.

    Args:
        root: directory of all builds.
        build: the build that the replay makes.
        verb: what is wanted.
        value: of "speed", recorded seconds per real second, 0 as fast as possible; of "goto", the layer.

    Returns:
        What is wanted now.

    Raises:
        NotInStore: there is no such build.
        ReplayRefused: no replay makes this build any more, or the value cannot be, such as a layer that is made.
        StoreError: the disk failed.
    """
    reader = BuildReader.open(root, build)
    if reader.manifest.origin != "replay" or reader.ended is not None:
        raise ReplayRefused(f"build {build} is no replay that runs", cure="name the build that a running replay makes")
    wanted = _wanted(read_control(root, build), reader, root, verb, value)
    with disk_errors(f"control of the replay {build}"):
        write_durable(_file(build_folder(root, build)), to_json(ControlRecord(wanted)))
    return wanted


def _wanted(before: ReplayControl, reader: BuildReader, root: Path, verb: Verb, value: float | None) -> ReplayControl:
    if verb in ("run", "pause"):
        return replace(before, paused=verb == "pause", goto=-1)
    if verb == "step":
        return replace(before, paused=True, steps=before.steps + 1, goto=-1)
    if value is None:
        raise ReplayRefused(f"{verb}: to what?", cure=f"give a {'speed, or max' if verb == 'speed' else 'layer'}")
    if verb == "speed":
        if not (math.isfinite(value) and value >= 0):
            raise ReplayRefused(f"speed {value:g}: not a speed", cure="give a number above zero, or max")
        return replace(before, speed=value)
    return replace(before, goto=_ahead(reader, root, value))


def _ahead(reader: BuildReader, root: Path, value: float) -> int:
    """The layer, where it is yet to come.

    Raises:
        ReplayRefused: it was made already, or the recording has no such layer.
    """
    made, recorded = len(reader.layers()), len(BuildReader.open(root, reader.manifest.source).layers())
    if not float(value).is_integer() or not 0 <= value < recorded:
        raise ReplayRefused(
            f"goto {value:g}: the recording has the layers 0 to {recorded - 1}", cure="name one of these"
        )
    if value < made:
        raise ReplayRefused(
            f"goto {value:g}: a replay does not go back, and layer {made - 1} is made",
            cure="look at that layer in the build, or start another replay",
        )
    return int(value)


def _file(folder: Path) -> Path:
    return folder / "replay-control.json"
