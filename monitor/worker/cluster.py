"""Products of recorded builds made by many machines: each layer is one task of a Dask cluster, and one process commits.

A layer's products follow from its frame, the build's first ones, the bundles and the seed alone, so tasks may run
anywhere, in any order, and again where a machine was lost. What depends on the order (the volume, the records) is
written here, layer after layer. The store is a folder that every machine sees under the same path, or an object store
that each reaches by URL; then each keeps a scratch copy of what it works on. Owns the tasks and their order; refuses
to know the stages of a layer.
"""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from distributed import Client, Future, KilledWorker, LocalCluster

from monitor.config import Settings
from monitor.domain import BundleError, ConfigError, LayerProduct, MonitorError
from monitor.store import BuildReader, ProductReader, ProductWriter
from monitor.store.layout import RAW, product_folder
from monitor.store.mirror import Mirror
from monitor.volume.tracking import MEMORY
from monitor.worker.loop import Progress
from monitor.worker.parts import PartBook
from monitor.worker.pipeline import Models, Pipeline
from monitor.worker.recipe import recipe_of
from monitor.worker.steadying import PATIENCE, start_of

AHEAD = 2
"""Tasks for each thread of the cluster that are on their way at once."""
CONNECT_S = 20.0
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Job:
    """What a machine must know to process any layer of a build.

    Attributes:
        store: URL of an object store, "" for the folder of the settings.
        build: id of the build.
        settings: the whole configuration, as JSON.
        bundles: name@digest by purpose, which every machine must have.
    """

    store: str
    build: str
    settings: str
    bundles: tuple[tuple[str, str], ...]


@contextmanager
def connected(scheduler: str = "", workers: int = 1) -> Iterator[Client]:
    """A client of the cluster at an address; without one, of a cluster of so many processes on this machine.

    Raises:
        ConfigError: nothing answers at the address.
    """
    if scheduler:
        try:
            client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:  # a TimeoutError is an OSError
            raise ConfigError(
                f"no Dask scheduler answers at {scheduler}: {error}", cure="give its address, such as tcp://host:8786"
            ) from error
        with client:
            yield client
        return
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def process_on_cluster(
    settings: Settings,
    client: Client,
    build: str,
    stop: threading.Event,
    *,
    store: str = "",
    progress: Progress | None = None,
) -> int:
    """Make the products that a recorded build still lacks, in place, and return of how many layers.

    Args:
        settings: the whole configuration.
        client: of the cluster.
        build: id of the build.
        stop: ends it after the layer at hand; the next time it goes on.
        store: URL of the object store where the build is; "" for the folder of the settings.
        progress: called after each layer with its product.

    Raises:
        MonitorError: no such build, products that another process writes, a build without a calibration, or bundles
            that fail or that a machine does not have.
    """
    job = Job(store, build, settings.model_dump_json(), tuple(sorted(Models.load(settings).names.items())))
    done = 0
    with _target(settings, build, store) as target:
        for product in _in_order(client, job, target.pending, stop):
            target.commit(product)
            done += 1
            if progress:
                progress(product)
    return done


def _in_order(client: Client, job: Job, pending: Sequence[int], stop: threading.Event) -> Iterator[LayerProduct]:
    """Each layer's product, in order; a few tasks for each thread of the cluster are ahead."""
    waiting, left = deque[Future[LayerProduct]](), deque(pending)
    try:
        while (waiting or left) and not stop.is_set():
            threads = max(1, sum(client.nthreads().values()))
            while left and len(waiting) < AHEAD * threads:
                index = left.popleft()
                waiting.append(client.submit(process_layer, job, index, pure=False, key=f"{job.build}-{index}"))
            try:
                yield waiting.popleft().result()
            except KilledWorker as error:
                raise MonitorError(
                    f"a layer of build {job.build} ended the process that worked on it, again and again: {error}",
                    cure="give the cluster's workers more memory; see their logs",
                ) from error
    finally:
        client.cancel(list(waiting))


def process_layer(job: Job, index: int) -> LayerProduct:
    """The task: one layer's products, on whichever machine this runs.

    Raises:
        BundleError: this machine has other bundles, or a model failed.
        StoreError: the layer cannot be read.
    """
    with _one_at_a_time:  # a machine's threads share its models
        place = _place(job)
        if place.mirror is None:
            return place.pipeline.process(index)
        place.mirror.fetch_layer(job.build, index)
        starts = _fetch_starts(place.mirror, job.build, index)
        try:
            return place.pipeline.process(index)
        finally:
            if index not in starts:
                place.mirror.drop_layer(job.build, index)


def _fetch_starts(mirror: Mirror, build: str, index: int) -> set[int]:
    """Fetch the frames that the layer's pictures are compared with; the layers whose frames they are."""
    reader = BuildReader.open(mirror.root, build)
    cameras, starts = [facts.name for facts in reader.facts], {}
    for layer in (layer for layer in mirror.layers(build) if layer <= index):
        mirror.fetch_layer(build, layer, rows=False)
        starts = {camera: start_of(reader, camera, index) for camera in cameras}
        if all(sound for _, sound in starts.values()) or layer >= PATIENCE:
            break
    for camera, (layer, _) in starts.items():
        mirror.fetch_row(mirror.root / build / RAW / camera, layer)
    return {layer for layer, _ in starts.values()}


@dataclass(frozen=True)
class _Place:
    """A machine that is ready for the layers of one job."""

    pipeline: Pipeline
    mirror: Mirror | None
    scratch: tempfile.TemporaryDirectory[str] | None  # lives as long as the place


@lru_cache(maxsize=1)
def _place(job: Job) -> _Place:
    """Load the models once for a job."""
    settings = Settings.model_validate_json(job.settings)
    models = Models.load(settings)
    if models.names != dict(job.bundles):
        raise BundleError(
            f"this machine has the bundles {_listed(models.names)}, but {_listed(dict(job.bundles))} are wanted",
            cure="give every machine of the cluster the same model folder and settings",
        )
    if not job.store:
        return _Place(Pipeline(settings, models, BuildReader.open(settings.store.root, job.build)), None, None)
    scratch = tempfile.TemporaryDirectory(prefix="lpbf-mirror-", ignore_cleanup_errors=True)
    mirror = Mirror(job.store, Path(scratch.name))
    mirror.fetch_build(job.build)
    return _Place(Pipeline(settings, models, BuildReader.open(mirror.root, job.build)), mirror, scratch)


def _listed(names: Mapping[str, str]) -> str:
    return ", ".join(sorted(names.values()))


@dataclass(frozen=True)
class _Target:
    """Where products are committed: in a folder, and from there in an object store where there is one."""

    build: str
    product_set: str
    pending: tuple[int, ...]
    writer: ProductWriter
    book: PartBook
    mirror: Mirror | None

    def commit(self, product: LayerProduct) -> None:
        """Commit one layer's products."""
        if self.mirror:
            self.mirror.fetch_layer(self.build, product.index, rows=False)
            self.mirror.fetch_row(self.mirror.root / self.build / "reference" / "mask", product.index)
        self.writer.commit(self.book.complete(product))
        if self.mirror:
            self.mirror.send(self.build, self.product_set, product.index)


@contextmanager
def _target(settings: Settings, build: str, store: str) -> Iterator[_Target]:
    root, product_set = settings.store.root, settings.worker.product_set
    if not store:
        with ProductWriter.open(root, build, product_set, recipe_of(settings)) as writer:
            reader = BuildReader.open(root, build)
            left = tuple(sorted(set(reader.layers()) - set(writer.layers())))
            yield _Target(build, product_set, left, writer, _book(settings, root, reader), None)
            writer.fit()
        return
    with tempfile.TemporaryDirectory(prefix="lpbf-mirror-", ignore_cleanup_errors=True) as folder:
        mirror = Mirror(store, Path(folder))
        mirror.fetch_build(build)
        with mirror.held(build, product_set):
            mirror.fetch_products(build, product_set)
            made = mirror.made(build, product_set)
            for index in made[-MEMORY:]:  # who the parts are that go on
                mirror.fetch_record(build, product_set, index)
                mirror.fetch_row(product_folder(mirror.root / build, product_set) / "part_id", index)
            left = tuple(sorted(set(mirror.layers(build)) - set(made)))
            with ProductWriter.open(mirror.root, build, product_set, recipe_of(settings)) as writer:
                book = _book(settings, mirror.root, BuildReader.open(mirror.root, build))
                yield _Target(build, product_set, left, writer, book, mirror)


def _book(settings: Settings, root: Path, reader: BuildReader) -> PartBook:
    products = ProductReader.open(root, reader.manifest.id, settings.worker.product_set)
    return PartBook(settings, reader, products)
