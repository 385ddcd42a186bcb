"""`lpbf-monitor process`: the products that recorded builds still lack, made here or by a Dask cluster."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, out, progress_bar, settings_of, stop_event, told
from monitor.cli.log import set_up_log
from monitor.cli.replay import Shown, SourceOption, replay_settings
from monitor.config import Settings
from monitor.domain import ConfigError
from monitor.store import BuildManifest, BuildReader, ProductReader


def process(
    builds: Annotated[list[str], typer.Argument(help="Ids of builds in the store.")],
    config: ConfigOption = None,
    source: SourceOption = "",
    scheduler: Annotated[str, typer.Option(help="Address of a Dask scheduler, such as tcp://host:8786.")] = "",
    workers: Annotated[int, typer.Option(help="Processes of a cluster on this machine; 0 needs none.", min=0)] = 0,
    store: Annotated[
        str, typer.Option(help="Store at a URL, such as s3://bucket/builds; else the configured one.")
    ] = "",
) -> None:
    """Make the products that recorded builds still lack, in place.

    In this process; or by a Dask cluster (--scheduler, --workers), whose machines must see the store and the models
    under the same paths, or the store under a URL. The products are the same, bit for bit on the same backend.
    """
    with told():
        settings = settings_of(config)
        set_up_log(settings.log.model_copy(update={"level": "warning"}), "process")
        stop = stop_event()
        if scheduler or workers or store:
            _on_cluster(settings, builds, source, stop, scheduler, workers, store)
            return
        for build in builds:
            if not stop.is_set():
                _here(settings, build, source, stop)


def _here(settings: Settings, build: str, source: str, stop: threading.Event) -> None:
    from monitor.worker import Models, process_build  # here: acquisition must not load a model's run time

    reader = BuildReader.open(settings.store.root, build)
    settings = replay_settings(settings, reader.manifest, source)
    done = ProductReader.open(settings.store.root, build, settings.worker.product_set).layers()
    models = Models.load(settings)
    with progress_bar() as bar:
        shown = Shown(bar, total=len(set(reader.layers()) - set(done)))
        process_build(settings, models, build, stop, shown)
    _say(build, shown)


def _on_cluster(
    settings: Settings, builds: list[str], source: str, stop: threading.Event, scheduler: str, workers: int, store: str
) -> None:
    try:
        from monitor.worker.cluster import connected, process_on_cluster
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"a cluster needs the Python package '{error.name}', which is not installed",
            cure="pip install 'lpbf-monitor[cluster]'",
        ) from error
    with connected(scheduler, max(1, workers)) as client:
        for build in builds:
            if stop.is_set():
                return
            told_by = replay_settings(settings, _manifest(settings, build, store), source)
            with progress_bar() as bar:
                shown = Shown(bar, total=None)
                process_on_cluster(told_by, client, build, stop, store=store, progress=shown)
            _say(build, shown)


def _manifest(settings: Settings, build: str, store: str) -> BuildManifest:
    if not store:
        return BuildReader.open(settings.store.root, build).manifest
    from monitor.store.mirror import Mirror

    with tempfile.TemporaryDirectory() as folder:
        Mirror(store, Path(folder)).fetch_build(build)
        return BuildReader.open(Path(folder), build).manifest


def _say(build: str, shown: Shown) -> None:
    out.print(f"{build}: {shown.summary()}", highlight=False, soft_wrap=True)
