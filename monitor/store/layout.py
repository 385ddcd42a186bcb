"""Where things lie in the store. Owns every path and file name; refuses to know what is in the files.

<root>/status/<process>.json          heartbeats
<root>/status/acquire.lock            held by the one process that acquires live builds
<root>/status/signals/                signals of layers that are not committed yet, one folder for each process
<root>/alarms/                        alarms, one folder each, see `store/alarms.py`
<root>/access/                        users, sessions and the audit log, see `web/accounts.py`
<root>/calibrations/                  accepted calibrations of cameras, see `store/calibrations.py`
<root>/models/                        model bundles and what happened to them, see `store/models.py`
<root>/.reserve                       room for what must be said on a full disk, see `store/reserve.py`
<root>/.trash-<name>                  on its way out: removed by whoever looks next
<root>/.restoring-<build>             on its way in, out of an archive
<root>/<build>/manifest.json          written last when a build is made: without it there is no build
<root>/<build>/commits/000012.json    one record per committed layer: its presence *is* the commit
<root>/<build>/raw/<camera>           Zarr array (layers, rows, columns[, 3])
<root>/<build>/recoat/<camera>        the same, of the fresh powder before the layer was melted
<root>/<build>/signals/000012        Zarr array (channels, samples) of one layer
<root>/<build>/laser/exposure        Zarr array (layers, rows, columns), laser-on time in µs
<root>/<build>/reference/mask         Zarr array (layers, rows, columns), with reference/records/000012.json
<root>/<build>/end.json               when and why the build ended
<root>/<build>/end-request.json       a person asks for the end; the one writer ends the build
<root>/<build>/replay-control.json    how the replay that makes the build goes on, see `store/replaying.py`
<root>/<build>/pin.json               a person wants to keep the build whatever happens
<root>/<build>/thinned.json           products were removed to make room; nobody makes them again unasked
<root>/<build>/repairs/000012.json    what `builds repair` found unreadable in a layer
<root>/<build>/set-aside/             files of no use that `builds repair` moved there, under their own paths
<root>/<build>/lock                   held by the one writer
<root>/<build>/products/<set>/        the same again: lock, commits/, arrays, and volume/ (OME-Zarr)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from monitor.domain import NotInStore, StoreError

RAW, RECOAT = "raw", "recoat"
"""Groups of a build's frames: after the laser, and before it."""
STATUS = "status"
ALARMS = "alarms"
ACCESS = "access"
MODELS = "models"
CALIBRATIONS = "calibrations"
TRASH = ".trash-"
RESTORING = ".restoring-"
RESERVED = (STATUS, ALARMS, ACCESS, MODELS, CALIBRATIONS)
"""Folders beside the builds, so no ids of builds."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RECORD = re.compile(r"^(\d{6,})\.json$")


def is_build_id(text: str) -> bool:
    """Whether `text` may name a build: letters, digits, dot, dash and underscore, never a path."""
    return bool(_NAME.fullmatch(text)) and text not in RESERVED


def new_build_id(name: str, created: datetime) -> str:
    """Make an id for a build from its start and name, e.g. "20260718-141503-rings"."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return "-".join(filter(None, (created.strftime("%Y%m%d-%H%M%S"), slug)))


def free_build_id(root: Path, name: str, created: datetime) -> str:
    """As `new_build_id`, with a number where a build of this name began in the same second."""
    first = new_build_id(name, created)
    tries = chain((first,), (f"{first}-{number}" for number in count(2)))
    return next(build for build in tries if not (root / build).exists())


def build_folder(root: Path, build: str) -> Path:
    """Folder of a build that exists.

    Raises:
        NotInStore: there is no such build.
    """
    folder = root / build
    if not is_build_id(build) or not manifest_file(folder).is_file():
        raise NotInStore(f"no build '{build}' in {root}", cure="see `lpbf-monitor builds list` for what is there")
    return folder


def new_build_folder(root: Path, build: str) -> Path:
    """Folder for a build to be made.

    Raises:
        StoreError: the id cannot be a folder name.
    """
    if not is_build_id(build):
        raise StoreError(
            f"'{build}' cannot be the id of a build",
            cure=f"use letters, digits, '.', '-' and '_' only, at most 100, and none of {', '.join(RESERVED)}",
        )
    return root / build


def manifest_file(folder: Path) -> Path:
    """The manifest of a build."""
    return folder / "manifest.json"


def end_file(folder: Path) -> Path:
    """The end record of a build."""
    return folder / "end.json"


def pin_file(folder: Path) -> Path:
    """A person's wish to keep a build."""
    return folder / "pin.json"


def thinned_file(folder: Path) -> Path:
    """Says that products of a build were removed to make room."""
    return folder / "thinned.json"


def repairs_in(folder: Path) -> Path:
    """Folder of the repair notes of a build."""
    return folder / "repairs"


def set_aside_in(folder: Path) -> Path:
    """Folder of what a repair moved out of the way."""
    return folder / "set-aside"


def trash(root: Path, name: str) -> Path:
    """A free place beside the builds for what is to be removed; no list shows it."""
    return next(path for path in (root / f"{TRASH}{name}-{n}" for n in count()) if not path.exists())


def end_request_file(folder: Path) -> Path:
    """A person's request to end a build."""
    return folder / "end-request.json"


def reserve_file(root: Path) -> Path:
    """Room that is kept for what must be said on a full disk."""
    return root / ".reserve"


def access_folder(root: Path) -> Path:
    """Users, sessions and the audit log."""
    return root / ACCESS


def acquisition_lock_file(root: Path) -> Path:
    """The lock of the one process that acquires live builds."""
    return root / STATUS / "acquire.lock"


def spools_folder(root: Path) -> Path:
    """Folder of the signals that processes have not committed yet."""
    return root / STATUS / "signals"


def models_folder(root: Path) -> Path:
    """Model bundles, and the journal of what happened to them."""
    return root / MODELS


def calibrations_folder(root: Path) -> Path:
    """Accepted calibrations, a folder for each camera."""
    return root / CALIBRATIONS


def alarms_folder(root: Path) -> Path:
    """Folder of all alarms."""
    return root / ALARMS


def lock_file(folder: Path) -> Path:
    """The lock of a build or of a product set."""
    return folder / "lock"


def commits_in(folder: Path) -> Path:
    """Folder of the commit records of a build or of a product set."""
    return folder / "commits"


def commits_folder(root: Path, build: str) -> Path:
    """Folder of the layers' commit records of a build, for watching.

    Raises:
        NotInStore: there is no such build.
    """
    return commits_in(build_folder(root, build))


def product_folder(build: Path, product_set: str) -> Path:
    """Folder of one product set.

    Raises:
        NotInStore: the name cannot be a product set.
    """
    if not _NAME.fullmatch(product_set):
        raise NotInStore(f"'{product_set}' cannot be a product set", cure="use letters, digits, '.', '-' and '_' only")
    return build / "products" / product_set


def product_sets(build: Path) -> tuple[str, ...]:
    """Names of a build's product sets."""
    return tuple(sorted(commits.parent.name for commits in (build / "products").glob("*/commits")))


def record_file(folder: Path, index: int) -> Path:
    """The record of one layer in a folder of records."""
    return folder / f"{index:06d}.json"


def recorded(folder: Path) -> tuple[int, ...]:
    """Indices of the records in a folder, ascending, listed afresh; none where the folder is not there."""
    try:
        return tuple(sorted(_indices(folder)))
    except FileNotFoundError:
        return ()


def _indices(folder: Path) -> Iterator[int]:
    for path in folder.iterdir():
        match = _RECORD.match(path.name)
        if match:
            yield int(match[1])
