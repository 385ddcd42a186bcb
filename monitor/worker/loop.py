"""The worker's loop: which build, which layer, and the heartbeat. Owns the choice; refuses to know what stages do."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from monitor.config import Settings
from monitor.domain import BundleError, LayerProduct, MonitorError, ProcessStatus, StoreError
from monitor.report import Reporter
from monitor.store import BuildReader, Heart, ProductReader, ProductWriter, Pulse, commits_folder, list_builds, thinned
from monitor.worker.active import ActiveModels
from monitor.worker.caretaker import Caretaker
from monitor.worker.hint import CommitHint
from monitor.worker.parts import PartBook
from monitor.worker.pipeline import WORK, Interrupted, Models, Pipeline
from monitor.worker.recipe import recipe_of

log = structlog.get_logger("worker")

RETRY_S = 10.0
LOOK_S = 120.0
"""Real seconds that looking for work may take before it counts as stuck."""
COMMANDED = ("import", "replay")
"""Origins of builds that a command processes: the worker leaves them alone, so that the two never meet."""
Progress = Callable[[LayerProduct], None]
"""Called after each layer with its product; its timings include the store's."""


@dataclass
class Said:
    """What the worker says of itself."""

    state: str = "starting"
    detail: str = "loading models"
    build: str = ""
    layer: int | None = None
    facts: dict[str, object] = field(default_factory=dict)

    def status(self) -> ProcessStatus:
        """The present status."""
        return ProcessStatus(
            "worker", os.getpid(), self.state, self.detail, "", self.build, self.layer, (), dict(self.facts)
        )


class Worker:
    """Follows the store: each committed layer of each build once, in order, the running build first.

    A build that cannot be processed is said and tried again later; it never keeps another one waiting. Between two
    layers it looks whether the active bundles are still those that it has loaded; if not, it ends, to begin anew in a
    fresh process, so that the memory of the old models returns.
    """

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._settings = settings
        self._root = settings.store.root
        self._stop = stop
        self._said = Said()
        self._heart = Heart(self._root, self._said.status)
        self._failed: dict[str, tuple[float, MonitorError]] = {}  # by build: when to try again, and why
        self._fitted: set[str] = set()  # builds that have ended and whose volumes were cut to their layers
        self._active = ActiveModels(settings)
        self._caretaker = Caretaker(settings, self._active.book)

    def run(self) -> bool:
        """Work until `stop` (False) or until other bundles are active (True); errors as in `run_worker`."""
        hint = CommitHint()
        threading.Thread(target=_wake_at, args=(self._stop, hint), name="stop", daemon=True).start()
        with self._heart:
            try:
                models = self._load()
                self._heart.ready()
                with self._caretaker:
                    self._work(models, hint)
                self._heart.pulse.rest(WORK)
                anew = not self._stop.is_set()
                if anew:
                    self._heart.anew()
                self._say(*(("starting", "loading other models") if anew else ("stopped", "stopped in order")))
                return anew
            except MonitorError as error:
                self._active.probation.rest()
                self._say("failed", f"{error.what}; {error.cure}")
                raise
            finally:
                hint.close()

    def _work(self, models: Models, hint: CommitHint) -> None:
        while not self._stop.is_set() and not self._active.changed():
            self._heart.pulse.expect(WORK, LOOK_S)
            if not self._round(models):
                self._rest(hint)

    def _load(self) -> Models:
        models = self._active.load()
        self._said.facts = {"bundles": models.names, "device": models.upscaler.device}
        return models

    def _round(self, models: Models) -> bool:
        """Process what is pending of the first build that can be; False when there is nothing to do."""
        pending = pending_builds(self._root, self._settings.worker.product_set)
        self._failed = {build: failure for build, failure in self._failed.items() if build in pending}
        for build in pending:
            until, _ = self._failed.get(build, (0.0, None))
            if time.monotonic() >= until:
                self._follow(models, build)
                return True
        return False

    def _rest(self, hint: CommitHint) -> None:
        self._said.facts["backlog"] = 0
        self._said.facts["notices"] = list(self._caretaker.notices)
        waiting = {build: error for build, (_, error) in self._failed.items()}
        if waiting:
            build, error = next(iter(waiting.items()))
            self._say("failed", f"build {build}: {error.what}; {error.cure}")
        else:
            self._say("idle", "; ".join(("all layers are processed", *self._caretaker.notices)))
        for summary in list_builds(self._root):
            if summary.ended is None:
                hint.watch(commits_folder(self._root, summary.manifest.id))
                self._fitted.discard(summary.manifest.id)
            elif summary.manifest.id not in self._fitted and summary.manifest.origin not in COMMANDED:
                self._fit(summary.manifest.id)
        self._heart.pulse.expect(WORK, self._settings.worker.poll_s + LOOK_S)
        hint.wait(self._settings.worker.poll_s)

    def _fit(self, build: str) -> None:
        """Cut the volume of a build that has ended to its layers; a failure costs viewers a few empty planes."""
        self._fitted.add(build)
        self._heart.pulse.expect(WORK, LOOK_S)
        product_set = self._settings.worker.product_set
        try:
            if ProductReader.open(self._root, build, product_set).layers():
                with ProductWriter.open(self._root, build, product_set) as writer:
                    writer.fit()
        except StoreError as error:
            log.warning("volume keeps its room", build=build, what=error.what, cure=error.cure)

    def _follow(self, models: Models, build: str) -> None:
        """Process what is pending of one build now; a failure that time may cure is said and tried again later."""
        self._said.build = build
        structlog.contextvars.bind_contextvars(build=build)
        try:
            halt, pulse = self._active.changed, self._heart.pulse
            for product in _products(self._settings, models, build, self._stop, self._begin, pulse, halt):
                self._active.probation.made(product.bundles)
                self._active.proven = True
                self._said.layer = product.index
                self._said.facts["timings_s"] = dict(product.timings_s)
                log.info("layer processed", layer=product.index, state=str(product.state), reason=product.reason)
            self._failed.pop(build, None)
        except BundleError as error:
            if not self._active.undo(error):
                raise
        except MonitorError as error:
            self._failed[build] = (time.monotonic() + RETRY_S, error)
            log.error("build cannot be processed", what=error.what, cure=error.cure)
        finally:
            structlog.contextvars.unbind_contextvars("build")
        self._active.probation.rest()

    def _begin(self, index: int, backlog: int) -> None:
        self._said.facts["backlog"] = backlog
        self._said.facts["notices"] = list(self._caretaker.notices)
        self._active.probation.busy(f"layer {index} of build {self._said.build}")
        self._say("processing", f"layer {index}")

    def _say(self, state: str, detail: str) -> None:
        self._said.state, self._said.detail = state, detail
        self._heart.beat()


def _wake_at(stop: threading.Event, hint: CommitHint) -> None:
    stop.wait()
    hint.wake()


def run_worker(settings: Settings, stop: threading.Event) -> bool:
    """Follow the store until `stop`: process each committed layer of each build once, in order.

    Returns:
        True when other bundles are active now: the caller begins anew, best in a fresh process. False after `stop`.

    Raises:
        BundleError: a model cannot be loaded or fails. Nothing is lost: layers stay pending, and the next start loads
            the bundles that are there then.
        StoreError: the store cannot be written.
    """
    settings.store.root.mkdir(parents=True, exist_ok=True)
    with Reporter(settings):  # in processes of their own: a report never delays a layer
        return Worker(settings, stop).run()


def pending_builds(root: Path, product_set: str) -> list[str]:
    """Ids of the builds whose layers the worker makes products of: running ones first, then the newest.

    Not those whose products were removed to make room.
    """
    builds = [b for b in list_builds(root) if b.manifest.origin not in COMMANDED and not thinned(root, b.manifest.id)]
    builds.sort(key=lambda b: b.manifest.created, reverse=True)
    builds.sort(key=lambda b: b.ended is not None)
    return [b.manifest.id for b in builds if _behind(root, b.manifest.id, product_set)]


def _behind(root: Path, build: str, product_set: str) -> bool:
    committed = BuildReader.open(root, build).layers()
    return bool(set(committed) - set(ProductReader.open(root, build, product_set).layers()))


def process_build(
    settings: Settings, models: Models, build: str, stop: threading.Event, progress: Progress | None = None
) -> int:
    """Process all pending layers of one recorded build now, and return how many were processed.

    Raises:
        MonitorError: no such build, a build without a calibration, or a model that fails.
    """
    done = 0
    for product in _products(settings, models, build, stop):
        done += 1
        if progress:
            progress(product)
    return done


def _products(
    settings: Settings,
    models: Models,
    build: str,
    stop: threading.Event,
    begin: Callable[[int, int], None] = lambda index, backlog: None,
    pulse: Pulse | None = None,
    halt: Callable[[], bool] = lambda: False,
) -> Iterator[LayerProduct]:
    """Make and commit what is pending of one build; before each layer `halt` may end it, and `begin` is called."""
    root = settings.store.root
    reader = BuildReader.open(root, build)
    pipeline = Pipeline(settings, models, reader, stop, pulse)
    with ProductWriter.open(root, build, settings.worker.product_set, recipe_of(settings)) as writer:
        book = PartBook(settings, reader, ProductReader.open(root, build, settings.worker.product_set))
        pending = sorted(set(reader.layers()) - set(writer.layers()))
        for position, index in enumerate(pending):
            if halt():
                return
            begin(index, len(pending) - position)
            try:
                product = pipeline.process(index, waiting=len(pending) - position - 1)
            except Interrupted:
                return
            start = time.perf_counter()
            product = book.complete(product)
            named = time.perf_counter()
            product = replace(product, timings_s={**product.timings_s, "parts": round(named - start, 4)})
            writer.commit(product)
            spent = {**product.timings_s, "store": round(time.perf_counter() - named, 4)}
            yield replace(product, timings_s=spent)
        writer.fit()
