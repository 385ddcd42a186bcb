"""The worker's loop: which build, which layer, and the heartbeat. Owns the choice; refuses to know what stages do."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from monitor.config import Settings
from monitor.domain import LayerProduct, MonitorError, ProcessStatus, StoreFull
from monitor.store import BuildReader, ProductReader, ProductWriter, commits_folder, list_builds, write_status
from monitor.worker.hint import CommitHint
from monitor.worker.pipeline import Models, Pipeline

log = structlog.get_logger("worker")

HEARTBEAT_S = 1.0
RETRY_S = 10.0
Progress = Callable[[LayerProduct, int], None]
"""Called after each layer with its product and the number of committed layers."""


@dataclass
class Heartbeat:
    """The worker's status in the store, renewed every second by a thread of its own."""

    root: Path
    state: str = "starting"
    detail: str = "loading models"
    build: str = ""
    layer: int | None = None
    facts: dict[str, object] = field(default_factory=dict)

    def say(self, state: str, detail: str = "") -> None:
        """Change the words and write them at once."""
        self.state, self.detail = state, detail
        self.beat()

    def beat(self) -> None:
        """Write the status. A full disk must not stop the heart."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        status = ProcessStatus(
            "worker", os.getpid(), self.state, self.detail, now, self.build, self.layer, (), dict(self.facts)
        )
        try:
            write_status(self.root, status)
        except StoreFull as error:
            log.warning("status not written", reason=error.what)

    def run(self, stop: threading.Event) -> None:
        """Beat until `stop`."""
        while not stop.wait(HEARTBEAT_S):
            self.beat()


def pending_builds(root: Path, product_set: str) -> list[str]:
    """Ids of the builds whose layers the worker makes products of: running ones first, then the newest.

    Imported builds are recordings: they are replayed or processed by command, never by themselves.
    """
    builds = [b for b in list_builds(root) if b.manifest.origin != "import"]
    builds.sort(key=lambda b: b.manifest.created, reverse=True)
    builds.sort(key=lambda b: b.ended is not None)
    return [b.manifest.id for b in builds if _behind(root, b.manifest.id, product_set)]


def _behind(root: Path, build: str, product_set: str) -> bool:
    committed = BuildReader.open(root, build).layers()
    return bool(set(committed) - set(ProductReader.open(root, build, product_set).layers()))


def run_worker(settings: Settings, stop: threading.Event) -> None:
    """Follow the store until `stop`: process each committed layer of each build once, in order.

    Raises:
        BundleError: a model cannot be loaded; nothing is lost, layers stay pending.
    """
    root = settings.store.root
    root.mkdir(parents=True, exist_ok=True)
    heart = Heartbeat(root)
    heart.beat()
    threading.Thread(target=heart.run, args=(stop,), name="heartbeat", daemon=True).start()
    hint = CommitHint()
    waker = threading.Thread(target=lambda: (stop.wait(), hint.wake()), name="stop", daemon=True)
    waker.start()
    try:
        models = _load(settings, heart)
        while not stop.is_set():
            builds = pending_builds(root, settings.worker.product_set)
            if builds:
                _follow(settings, models, builds[0], heart, stop)
                continue
            heart.say("idle", "all layers are processed")
            for build in list_builds(root):
                if build.ended is None:
                    hint.watch(commits_folder(root, build.manifest.id))
            hint.wait(settings.worker.poll_s)
        heart.say("stopped", "stopped in order")
    finally:
        hint.close()


def _load(settings: Settings, heart: Heartbeat) -> Models:
    try:
        models = Models.load(settings)
    except MonitorError as error:
        heart.say("failed", error.what)
        raise
    heart.facts = {"bundles": models.names, "device": models.upscaler.device}
    return models


def _follow(settings: Settings, models: Models, build: str, heart: Heartbeat, stop: threading.Event) -> None:
    """Process what is pending of one build now; a failure that time may cure is said and tried again later."""
    heart.build = build
    structlog.contextvars.bind_contextvars(build=build)
    try:
        for product in _products(settings, models, build, heart, stop):
            heart.layer = product.index
            log.info("layer processed", layer=product.index, state=str(product.state), reason=product.reason)
    except MonitorError as error:
        heart.say("failed", error.what)
        log.error("build cannot be processed", what=error.what, cure=error.cure)
        stop.wait(RETRY_S)
    finally:
        structlog.contextvars.unbind_contextvars("build")


def _products(
    settings: Settings, models: Models, build: str, heart: Heartbeat | None, stop: threading.Event
) -> Iterator[LayerProduct]:
    root = settings.store.root
    reader = BuildReader.open(root, build)
    pipeline = Pipeline(settings, models, reader)
    with ProductWriter.open(root, build, settings.worker.product_set) as writer:
        pending = sorted(set(reader.layers()) - set(writer.layers()))
        for position, index in enumerate(pending):
            if stop.is_set():
                return
            if heart:
                heart.facts["backlog"] = len(pending) - position
                heart.say("processing", f"layer {index}")
            product = pipeline.process(index)
            start = time.perf_counter()
            writer.commit(product)
            log.debug("products committed", layer=index, seconds=round(time.perf_counter() - start, 3))
            yield product


def process_build(
    settings: Settings, models: Models, build: str, stop: threading.Event, progress: Progress | None = None
) -> int:
    """Process all pending layers of one recorded build now, and return how many were processed.

    Raises:
        MonitorError: no such build, or a build without a calibration.
    """
    done = 0
    total = len(BuildReader.open(settings.store.root, build).layers())
    for product in _products(settings, models, build, None, stop):
        done += 1
        if progress:
            progress(product, total)
    return done
