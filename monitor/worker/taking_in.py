"""A bundle from outside becomes one of the store's: checked, tried, kept, noted. Owns that order; activates nothing."""

from __future__ import annotations

from pathlib import Path

import structlog

from monitor.config import Settings
from monitor.domain import BundleError, MonitorError
from monitor.inference import Bundle, receive
from monitor.store import PURPOSES, ModelBook
from monitor.worker.choosing import configured, label_of
from monitor.worker.trial import KINDS, Verdict, try_bundle

log = structlog.get_logger("worker")


class NotWhole(BundleError):  # noqa: N818 - the field's word, read as a sentence
    """The files are not those that the manifest names: perhaps they are still being copied."""


def take_in(settings: Settings, book: ModelBook, path: Path, *, by: str, why: str, nice: int = 0) -> Verdict:
    """Copy a bundle into the store once it is checked and has passed its trial.

    Args:
        settings: the whole configuration.
        book: where it is kept.
        path: a bundle's folder, zip or manifest, or a model's file with its manifest beside it.
        by: who brings it.
        why: in words.
        nice: how far the trial steps back behind other processes.

    Raises:
        NotWhole: its files do not hold.
        BundleError: it failed its trial.
        StoreError: it could not be kept.
    """
    with book.staging() as staging:
        folder = staging / "bundle"
        folder.mkdir()
        try:
            bundle = receive(path, folder)
        except BundleError as error:
            raise NotWhole(error.what, cure=error.cure) from error
        verdict = _tried(folder, path, settings, nice)
        if not _is_kept(book, bundle):
            book.keep(folder, bundle.label)
    purpose = next((p for p in PURPOSES if verdict.kind in KINDS[p]), None)
    book.add("imported", verdict.label, purpose, by=by, why=why)
    return verdict


def keep_configured(settings: Settings, book: ModelBook) -> None:
    """Keep a copy of the configured bundles, so that products can be made again after an update of the program."""
    for purpose in PURPOSES:
        try:
            path = configured(settings, purpose)
            if label_of(path) in book.kept():
                continue
            with book.staging() as staging:
                folder = staging / "bundle"
                folder.mkdir()
                book.keep(folder, receive(path, folder).label)
        except MonitorError as error:
            log.warning("no copy of the configured bundle was kept", what=error.what, cure=error.cure)


def _tried(folder: Path, path: Path, settings: Settings, nice: int) -> Verdict:
    """Try the copy; what is told names the file that the person brought."""
    try:
        return try_bundle(folder, settings, nice=nice)
    except BundleError as error:
        raise BundleError(error.what.replace(str(folder.resolve()), str(path)), cure=error.cure) from error


def _is_kept(book: ModelBook, bundle: Bundle) -> bool:
    place = book.kept().get(bundle.label)
    try:
        return place is not None and Bundle.load(place, self_test=False).digest == bundle.digest
    except BundleError:
        return False
