"""A bundle as one archive, to carry it elsewhere. Owns its form; refuses to change the bundle."""

from __future__ import annotations

import zipfile
from pathlib import Path

from monitor.domain import BundleError
from monitor.inference.bundle import MANIFEST, Bundle

_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(bundle: Bundle, place: Path) -> Path:
    """Write a bundle as a zip; the same bundle gives the same bytes.

    Args:
        bundle: a checked bundle.
        place: the file to write, or a folder that gets `NAME@DIGEST.zip`.

    Returns:
        The file's path.

    Raises:
        BundleError: the file cannot be written, or is there already.
    """
    path = place / f"{bundle.label}.zip" if place.is_dir() else place
    partial = path.with_name(f".{path.name}.partial")
    names = [MANIFEST, *sorted(entry.path for entry in bundle.manifest.files.values())]
    if path.exists():
        raise BundleError(f"{path}: is there already", cure="remove it or name another file")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:  # weights hardly shrink
            for name in names:
                entry = zipfile.ZipInfo(f"{bundle.manifest.name}/{name}", _EPOCH)
                with (bundle.directory / name).open("rb") as file, archive.open(entry, "w", force_zip64=True) as copy:
                    while piece := file.read(1 << 20):
                        copy.write(piece)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BundleError(
            f"{path}: cannot be written ({error.strerror})", cure="name a folder that can be written, with room"
        ) from error
    return path
