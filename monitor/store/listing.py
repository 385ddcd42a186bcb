"""Which builds there are. Refuses to know what is in their layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import structlog

from monitor.domain import StoreError
from monitor.store.layout import (
    build_folder,
    commits_in,
    is_build_id,
    manifest_file,
    product_folder,
    product_sets,
    recorded,
)
from monitor.store.reader import BuildReader
from monitor.store.records import BuildManifest

log = structlog.get_logger("store")


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """One build at a glance.

    Attributes:
        manifest: what it is.
        layers: number of committed layers.
        ended: why it ended; None while it runs.
    """

    manifest: BuildManifest
    layers: int
    ended: str | None


def list_product_sets(root: Path, build: str) -> dict[str, int]:
    """Number of layers with products in each product set of a build, by the set's name, in the names' order.

    Raises:
        NotInStore: there is no such build.
    """
    folder = build_folder(root, build)
    return {name: len(recorded(commits_in(product_folder(folder, name)))) for name in product_sets(folder)}


def list_builds(root: Path) -> tuple[BuildSummary, ...]:
    """Every readable build, oldest first. One that cannot be read is logged once and left out."""
    return tuple(sorted(_summaries(root), key=lambda b: (b.manifest.created, b.manifest.id)))


def _summaries(root: Path) -> Iterator[BuildSummary]:
    if not root.is_dir():
        return
    for folder in root.iterdir():
        if not is_build_id(folder.name) or not manifest_file(folder).is_file():
            continue
        try:
            reader = BuildReader.open(root, folder.name)
            yield BuildSummary(reader.manifest, len(reader.layers()), reader.ended)
        except StoreError as error:
            _warn_once(folder.name, error.what, error.cure)


@cache
def _warn_once(build: str, what: str, cure: str) -> None:
    log.warning("build left out of the list", build=build, what=what, cure=cure)
