"""Taking in a bundle from outside. Owns that only what a checked manifest names gets in; refuses to run it.

What is copied is hashed as it is copied and never larger than announced, so a file that is still being written, cut
off or changed cannot become a bundle.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from monitor.domain import BundleError
from monitor.inference.bundle import MANIFEST, MAX_FILE_BYTES, Bundle, parse_manifest
from monitor.inference.manifest import BundleManifest
from monitor.inference.sources import Source, damaged, opened

MAX_BUNDLE_BYTES = 2 * MAX_FILE_BYTES
SPARE_BYTES = 2**30
"""The store must not be filled by a bundle: so much stays free."""
_PIECE = 1 << 20


def receive(path: Path, folder: Path) -> Bundle:
    """Copy a bundle into an empty folder and check schema, sizes and digests. Nothing of it is run.

    Args:
        path: a bundle's folder, its manifest, a model's file with its manifest beside it, or a zip.
        folder: an empty folder.

    Raises:
        BundleError: naming the file, the reason and the cure.
    """
    with opened(path) as source:
        raw = source.manifest()
        manifest = parse_manifest(source.path, raw)
        _fits(source, manifest, folder)
        for entry in manifest.files.values():
            _copy(source, entry.path, entry.sha256, folder / entry.path)
        (folder / MANIFEST).write_bytes(raw)
    return Bundle.load(folder, self_test=False)


def _fits(source: Source, manifest: BundleManifest, folder: Path) -> None:
    sizes = {entry.path: source.size(entry.path) for entry in manifest.files.values()}
    name, largest = max(sizes.items(), key=lambda item: item[1])
    if largest > MAX_FILE_BYTES or sum(sizes.values()) > MAX_BUNDLE_BYTES:
        raise BundleError(
            f"{source.path}: {name} has {largest} bytes, all files {sum(sizes.values())}; allowed are "
            f"{MAX_FILE_BYTES} and {MAX_BUNDLE_BYTES}",
            cure="use a smaller model",
        )
    free = shutil.disk_usage(folder).free
    if sum(sizes.values()) + SPARE_BYTES > free:
        raise BundleError(
            f"{source.path}: has {sum(sizes.values())} bytes, but only {free} are free where bundles are kept",
            cure="free space on the store's disk and bring the bundle again",
        )


def _copy(source: Source, name: str, sha256: str, place: Path) -> None:
    """Copy one file, never more than announced, and compare its digest."""
    digest = hashlib.sha256()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as copy:
            for piece in _pieces(source, name):
                digest.update(piece)
                copy.write(piece)
    except OSError as error:
        raise BundleError(
            f"{source.path}: {name} cannot be copied ({error.strerror})",
            cure="free space on the store's disk, try again",
        ) from error
    if digest.hexdigest() != sha256:
        raise BundleError(
            f"{source.path}: {name} has SHA-256 {digest.hexdigest()}, the manifest says {sha256}",
            cure="copy the bundle again; the file is cut off, still being written, or was changed",
        )


def _pieces(source: Source, name: str) -> Iterator[bytes]:
    """The bytes of one file, as many as were announced at most."""
    left = source.size(name)
    with source.open(name) as file:
        while left > 0:
            with damaged(source.path):
                piece = file.read(min(_PIECE, left))
            if not piece:
                return
            left -= len(piece)
            yield piece
