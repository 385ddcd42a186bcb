"""Which bundle is used for what, and by which name a person finds one. Owns that choice; refuses to load a model."""

from __future__ import annotations

from pathlib import Path

from monitor.config import Settings
from monitor.domain import BundleError
from monitor.inference import Bundle, default_models_dir, find_bundle
from monitor.inference.bundle import MANIFEST
from monitor.store import PURPOSES, ModelBook, Purpose
from monitor.worker.trial import KINDS


def models_dir(settings: Settings) -> Path:
    """Directory of the bundles that the configuration names."""
    return settings.worker.models or default_models_dir()


def configured(settings: Settings, purpose: Purpose) -> Path:
    """Directory of the bundle that the configuration names.

    Raises:
        BundleError: there is none.
    """
    name = settings.upscale.bundle if purpose == "upscale" else settings.segment.bundle
    return find_bundle(models_dir(settings), name)


def directory_of(settings: Settings, book: ModelBook, label: str, purpose: Purpose) -> Path:
    """Directory of a bundle by its name@digest; "" is the configured one.

    Raises:
        BundleError: it is not there.
    """
    return find(settings, book, label) if label else configured(settings, purpose)


def chosen(settings: Settings, book: ModelBook) -> dict[Purpose, Path]:
    """Directory of the active bundle by purpose.

    Raises:
        BundleError: one is not there.
    """
    return {
        purpose: directory_of(settings, book, book.standing(purpose).active, purpose) for purpose in PURPOSES
    }  # fmt: skip


def find(settings: Settings, book: ModelBook, name: str) -> Path:
    """Directory of a bundle that was taken in or is configured, by NAME or NAME@DIGEST (or the digest's beginning).

    Raises:
        BundleError: there is none, or more than one.
    """
    places = everywhere(settings, book)
    found = [label for label in places if label == name or label.startswith(f"{name}@")]
    found = found or [label for label in places if "@" in name and label.startswith(name)]
    if len(found) == 1:
        return places[found[0]]
    if found:
        raise BundleError(f"'{name}' is the name of {len(found)} bundles", cure=f"say which: {', '.join(found)}")
    raise BundleError(
        f"there is no bundle '{name}' in {book.folder} or {models_dir(settings)}",
        cure=f"import it first, or choose one of {', '.join(places) or 'none'}",
    )


def everywhere(settings: Settings, book: ModelBook) -> dict[str, Path]:
    """Every readable bundle by name@digest: those that were taken in, then those of the configured directory."""
    places = dict(book.kept())
    for manifest in sorted(models_dir(settings).glob(f"*/{MANIFEST}")):
        try:
            label = label_of(manifest.parent)
        except BundleError:
            continue
        places.setdefault(label, manifest.parent)
    return places


def label_of(directory: Path) -> str:
    """name@digest of a bundle, from its manifest alone.

    Raises:
        BundleError: the manifest cannot be read.
    """
    return Bundle.read(directory).label


def purpose_of(bundle: Bundle) -> Purpose:
    """What a bundle can be used for.

    Raises:
        BundleError: the worker has no use for this kind.
    """
    for purpose in PURPOSES:
        if bundle.manifest.kind in KINDS[purpose]:
            return purpose
    raise BundleError(
        f"bundle {bundle.label} is of kind {bundle.manifest.kind}, which no step of the worker uses",
        cure=f"use a bundle of kind {' or '.join(kind for kinds in KINDS.values() for kind in kinds)}",
    )
