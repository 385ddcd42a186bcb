"""The drop folder: what a person puts there is taken in or refused. Owns when something is whole; activates nothing.

Whatever has not changed for a moment is looked at. What does not hold may still be on its way, so it is refused only
when it has been quiet for longer; what is whole and fails its trial is refused at once.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from monitor.config import Settings
from monitor.domain import BundleError, MonitorError
from monitor.inference.bundle import MAX_MANIFEST_BYTES, parse_manifest
from monitor.store import ModelBook
from monitor.worker.taking_in import NotWhole, take_in
from monitor.worker.trial import POLITE

log = structlog.get_logger("worker")

MOST_FILES = 1000
Signature = tuple[tuple[str, int, int], ...]


class Inbox:
    """Looks at the drop folder.

    Args:
        settings: the whole configuration.
        book: where bundles are kept.
        quiet_s: what has not changed for so long is looked at.
        patience_s: what does not hold and has not changed for so long is refused.
    """

    def __init__(self, settings: Settings, book: ModelBook, *, quiet_s: float = 1.0, patience_s: float = 10.0) -> None:
        self._settings = settings
        self._book = book
        self._quiet_s = quiet_s
        self._patience_s = patience_s
        self._seen: dict[Path, tuple[Signature, float]] = {}  # by item: what it looked like, and since when
        self._judged: dict[Path, Signature] = {}

    def look(self) -> bool:
        """Look once; whether something is on its way and wants another look soon."""
        items = dict(_items(self._book.drop))
        self._seen = {item: seen for item, seen in self._seen.items() if item in items}
        for item, parts in items.items():
            signature = _signature(parts)
            if self._judged.get(item) == signature:
                continue
            known, since = self._seen.get(item, ((), 0.0))
            if known != signature:
                self._seen[item] = (signature, time.monotonic())
            elif time.monotonic() - since >= self._quiet_s:
                self._judge(item, parts, signature, quiet_s=time.monotonic() - since)
        return bool(self._seen)

    def _judge(self, item: Path, parts: tuple[Path, ...], signature: Signature, quiet_s: float) -> None:
        try:
            why = f"{item.name} was dropped"
            verdict = take_in(self._settings, self._book, item, by="drop folder", why=why, nice=POLITE)
        except BundleError as error:
            if isinstance(error, NotWhole) and quiet_s < self._patience_s:
                return
            self._refuse(item, parts, error)
        else:
            log.info("bundle taken in", bundle=verdict.label, file=item.name)
            _remove(parts)
        self._judged[item] = signature
        self._seen.pop(item, None)

    def _refuse(self, item: Path, parts: tuple[Path, ...], error: BundleError) -> None:
        log.error("bundle refused", file=item.name, what=error.what, cure=error.cure)
        self._book.refuse(parts, f"{error.what}\n→ {error.cure}\n")
        self._book.add("refused", item.name, None, by="drop folder", why=error.what)


def notices(book: ModelBook) -> tuple[str, ...]:
    """What a person must know: drops that were refused and lie there still, activations that failed."""
    refused = sorted(book.refused.glob("*.refused.txt")) if book.refused.is_dir() else []
    said = [f"bundle refused: {_first_line(path)} (see {path.name} in {book.refused})" for path in refused]
    for failed in (book.standing("upscale").failed, book.standing("segment").failed):
        if failed:
            said.append(f"bundle {failed.bundle or 'of the configuration'} was not activated: {failed.why}")
    return tuple(said)


def _items(drop: Path) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """What was dropped: the path that stands for it, and all of its files and folders."""
    with suppress(OSError):
        entries = sorted(path for path in drop.iterdir() if not path.name.startswith("."))
        loose = {path for path in entries if path.is_symlink() or not path.is_dir()}
        for manifest in [path for path in entries if path.suffix == ".toml" and path in loose]:
            parts = {manifest} | {path for path in loose if path.stem == manifest.stem and path.suffix != ".zip"}
            parts |= loose & set(_named(manifest))
            loose -= parts
            yield manifest, (manifest, *sorted(parts - {manifest}))
        yield from ((path, (path,)) for path in entries if path in loose or (path.is_dir() and not path.is_symlink()))


def _named(manifest: Path) -> list[Path]:
    """The files beside a manifest that it names; none where it cannot be read."""
    try:
        if manifest.is_symlink() or not manifest.is_file() or manifest.stat().st_size > MAX_MANIFEST_BYTES:
            return []
        files = parse_manifest(manifest, manifest.read_bytes()).files.values()
    except (OSError, MonitorError):
        return []
    return [manifest.parent / entry.path for entry in files if "/" not in entry.path]


def _signature(parts: tuple[Path, ...]) -> Signature:
    """Names, sizes and times of everything in an item; links are not followed."""
    found = []
    for part in parts:
        inside = [Path(top) / name for top, folders, files in os.walk(part) for name in (*folders, *files)]
        for path in (part, *inside[:MOST_FILES]):
            with suppress(OSError):
                facts = path.lstat()
                found.append((str(path), facts.st_size, facts.st_mtime_ns))
    return tuple(found)


def _remove(parts: tuple[Path, ...]) -> None:
    """What was taken in is no longer needed here; what cannot be removed stays, and is not taken in again."""
    for part in parts:
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part, ignore_errors=True)
        else:
            with suppress(OSError):
                part.unlink()


def _first_line(path: Path) -> str:
    try:
        return (path.read_text(encoding="utf-8", errors="replace").splitlines() or [""])[0][:300]
    except OSError:
        return path.name
