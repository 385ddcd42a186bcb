"""Comparisons of a bundle with the active one: a record and a picture. Refuses to compare.

<root>/models/compared/000001/picture.png       the layer that differs most
<root>/models/compared/000001/comparison.json   the record, written last: its presence *is* the comparison
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import ClassVar

import structlog
from pydantic import ConfigDict

from monitor import __version__
from monitor.domain import NotInStore, StoreError
from monitor.store.disk import disk_errors, make_folder, write_durable
from monitor.store.layout import models_folder
from monitor.store.model_events import Purpose
from monitor.store.records import FORMAT, read_record, to_json

log = structlog.get_logger("store")

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class ComparedPart:
    """One connected piece of metal in either mask: its middle and its area in both.

    Attributes:
        x_mm: middle, mm on the plate.
        y_mm: middle, mm on the plate.
        active_mm2: area in the active bundle's mask.
        candidate_mm2: area in the candidate's mask.
    """

    x_mm: float
    y_mm: float
    active_mm2: float
    candidate_mm2: float
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class ComparedLayer:
    """One layer made by both bundles.

    Attributes:
        index: the layer.
        active: numbers of the active bundle by name, such as "upscale s", "spread", "ssim".
        candidate: the same of the candidate; a name may be in one only.
        iou: intersection over union of the two masks; None where one has none.
        parts: pieces of metal, the largest first.
    """

    index: int
    active: Mapping[str, float]
    candidate: Mapping[str, float]
    iou: float | None
    parts: tuple[ComparedPart, ...]
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class Comparison:
    """A bundle beside the active one.

    Attributes:
        number: its number, 0 before it is kept.
        purpose: what both are used for.
        active: name@digest of the active bundle.
        candidate: name@digest of the other one.
        build: the build whose layers were used.
        live: whether the layers were those of the running build, as they came.
        layers: each layer; at least one.
        pictured: index of the layer in the picture.
        by: who asked for it.
        time: UTC, ISO 8601.
    """

    number: int
    purpose: Purpose
    active: str
    candidate: str
    build: str
    live: bool
    layers: tuple[ComparedLayer, ...]
    pictured: int
    by: str
    time: str
    software: str = __version__
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


def keep_comparison(root: Path, comparison: Comparison, picture: bytes) -> Comparison:
    """Keep one comparison with its picture (PNG), durable on return; returned with its number.

    Raises:
        StoreFull: no space left.
        StoreError: the disk failed.
    """
    folder = models_folder(root) / "compared"
    with disk_errors(f"comparison of {comparison.candidate}"):
        make_folder(folder, root)
        place, number = _new(folder)
        kept = replace(comparison, number=number)
        write_durable(place / "picture.png", picture)
        write_durable(place / "comparison.json", to_json(kept))
    return kept


def comparisons(root: Path) -> tuple[Comparison, ...]:
    """Every comparison, oldest first. One that is damaged is logged and left out."""
    return tuple(found for path in sorted((models_folder(root) / "compared").glob("*")) if (found := _read(path)))


def picture_of(root: Path, number: int) -> Path:
    """The picture of a comparison.

    Raises:
        NotInStore: there is none.
    """
    path = models_folder(root) / "compared" / f"{number:06d}" / "picture.png"
    if not path.is_file():
        raise NotInStore(f"there is no picture of comparison {number}", cure="see `lpbf-monitor models shadow --show`")
    return path


def _new(folder: Path) -> tuple[Path, int]:
    """A folder of the next number, made by this process alone."""
    taken = max((int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()), default=0)
    for number in count(taken + 1):
        place = folder / f"{number:06d}"
        try:
            place.mkdir()
        except FileExistsError:
            continue
        make_folder(place, folder.parents[1])
        return place, number
    raise AssertionError  # count never ends


def _read(folder: Path) -> Comparison | None:
    try:
        return read_record(Comparison, folder / "comparison.json")
    except NotInStore:
        return None  # it was never finished
    except StoreError as error:
        log.warning("comparison left out", what=error.what, cure=error.cure)
        return None
