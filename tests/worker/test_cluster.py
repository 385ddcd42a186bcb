"""Layers as tasks of a Dask cluster of real processes, on a folder and on a real S3 server: the worker's products."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import numpy as np
import pytest
from distributed import Client
from moto.server import ThreadedMotoServer

from monitor.config import Settings
from monitor.domain import BundleError, ConfigError, LayerProduct, NotInStore, StoreCorrupt, StoreLocked
from monitor.store import BuildReader, ProductReader, replace_reference, verify
from monitor.store.differing import BuildDiff, Side, diff_builds
from monitor.store.mirror import Mirror
from monitor.worker import Models, cluster, process_build
from monitor.worker.cluster import Job, connected, process_layer, process_on_cluster
from tests.acquire.tiny import acquired, tiny_settings
from tests.worker.hand_made import make_models

LAYERS = 10
BUCKET = "layers"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """URL of a store in a bucket of a local S3 server; clients find it by the environment, as they do anywhere."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    environment = {
        "AWS_ACCESS_KEY_ID": "operator",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.get_host_and_port()[1]}",
        "AWS_ALLOW_HTTP": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield f"s3://{BUCKET}/builds"
    server.stop()


@pytest.fixture(scope="module")
def client(s3: str) -> Iterator[Client]:
    """Two processes; they inherit the environment that names the S3 server."""
    with connected(workers=2) as found:
        yield found


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory, models: Path) -> tuple[Settings, str]:
    """A recorded build, some of its frames missing, with the worker's own products in the set "live"."""
    root = tmp_path_factory.mktemp("builds")
    settings = tiny_settings(root, models=models, layers=LAYERS, fault_rate=0.2, seed=3)
    build = acquired(settings).manifest.id
    process_build(settings, Models.load(settings), build, threading.Event())
    return settings, build


def into(settings: Settings, product_set: str) -> Settings:
    """The settings with another product set."""
    worker = settings.worker.model_copy(update={"product_set": product_set})
    return settings.model_copy(update={"worker": worker})


def put(url: str, root: Path, build: str) -> None:
    """Put a recorded build into the object store, without its products."""
    _, _, bucket, prefix = url.split("/")
    for path in (root / build).rglob("*"):
        if path.is_file() and "products" not in path.parts and path.name != "lock":
            boto3.client("s3").upload_file(str(path), bucket, f"{prefix}/{path.relative_to(root).as_posix()}")


def got(url: str, root: Path) -> Path:
    """Everything in the object store, in a folder."""
    bucket = boto3.resource("s3").Bucket(url.split("/")[2])
    for entry in bucket.objects.all():
        path = root / entry.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(entry.get()["Body"].read())
    return root / url.split("/")[3]


def against_the_worker(root: Path, build: str, other_root: Path, product_set: str) -> BuildDiff:
    return diff_builds(Side.open(root, build, "live"), Side.open(other_root, build, product_set))


def test_a_lost_machine_changes_nothing(client: Client, processed: tuple[Settings, str]) -> None:
    """A process of the cluster is killed at the first layer: all layers come, in order, bit for bit as the worker's."""
    settings, build = processed
    order: list[int] = []
    pids = client.run(os.getpid)

    def strike(product: LayerProduct) -> None:
        if not order:
            os.kill(next(iter(pids.values())), signal.SIGKILL)
        order.append(product.index)

    made = process_on_cluster(into(settings, "cluster"), client, build, threading.Event(), progress=strike)
    assert order == list(range(LAYERS))
    assert made == LAYERS
    assert next(iter(pids.values())) not in client.run(os.getpid).values(), "it was killed, and another one came"
    root = settings.store.root
    found = against_the_worker(root, build, root, "cluster")
    assert (found.layers, found.differences, found.causes) == (LAYERS, (), ())
    assert verify(root, build).problems == ()
    assert process_on_cluster(into(settings, "cluster"), client, build, threading.Event()) == 0


@pytest.mark.slow
def test_a_build_in_an_object_store_is_processed_there(
    client: Client, processed: tuple[Settings, str], s3: str, tmp_path: Path
) -> None:
    """Stopped in the middle and gone on with; what is there then is a whole build, bit for bit as the worker's."""
    settings, build = processed
    put(s3, settings.store.root, build)
    away = settings.model_copy(update={"store": settings.store.model_copy(update={"root": tmp_path / "unused"})})
    stop = threading.Event()

    def halt(product: LayerProduct) -> None:
        if product.index == 3:
            stop.set()

    first = process_on_cluster(away, client, build, stop, store=s3, progress=halt)
    assert 4 <= first < LAYERS
    assert first + process_on_cluster(away, client, build, threading.Event(), store=s3) == LAYERS
    root = got(s3, tmp_path / "copy")
    assert not (tmp_path / "unused" / build).exists()
    assert not (root / build / "products" / "live" / "lock").exists()
    assert verify(root, build).problems == ()
    found = against_the_worker(settings.store.root, build, root, "live")
    assert (found.layers, found.differences, found.causes) == (LAYERS, (), ())
    assert BuildReader.open(root, build).layers() == ProductReader.open(root, build).layers()


def test_two_writers_do_not_meet_in_an_object_store(s3: str, processed: tuple[Settings, str], tmp_path: Path) -> None:
    """The second one is refused with who holds it and what to remove if that one died; then it is free again."""
    _, build = processed
    one, two = (Mirror(s3, tmp_path / name) for name in "ab")
    with one.held(build, "other"):
        with pytest.raises(StoreLocked, match=f"process {os.getpid()}") as refused, two.held(build, "other"):
            pass
        assert f"{build}/products/other/lock" in refused.value.cure
    with two.held(build, "other"):
        pass


def test_a_build_or_store_that_is_not_there_is_a_clear_error(s3: str, tmp_path: Path) -> None:
    """Both name what was looked for."""
    with pytest.raises(NotInStore, match="absent"):
        Mirror(s3, tmp_path).fetch_build("absent")
    with pytest.raises(NotInStore):
        Mirror(s3, tmp_path / "inside").fetch_build("../outside")
    with pytest.raises(ConfigError, match="nonsense"):
        Mirror("nonsense", tmp_path)


def test_all_that_is_committed_of_a_layer_is_fetched_and_dropped(
    s3: str, processed: tuple[Settings, str], tmp_path: Path
) -> None:
    """Frames, laser-on map and reference are read from the copy; afterwards only metadata and records take space."""
    settings, build = processed
    replace_reference(settings.store.root, build, 4, np.ones((96, 96), np.bool_))
    put(s3, settings.store.root, build)
    mirror, source = Mirror(s3, tmp_path), BuildReader.open(settings.store.root, build)
    mirror.fetch_build(build)
    mirror.fetch_layer(build, 4)
    copy = BuildReader.open(tmp_path, build)
    assert {type(copy.capture(4, facts.name)) for facts in copy.facts} == {
        type(source.capture(4, facts.name)) for facts in source.facts
    }
    there, here = source.laser_map(4), copy.laser_map(4)
    assert there is not None
    assert here is not None
    np.testing.assert_array_equal(here.exposure_us, there.exposure_us)
    assert np.all(copy.reference(4))
    mirror.drop_layer(build, 4)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json"}


def test_a_name_that_leads_out_of_the_mirror_is_refused(s3: str, tmp_path: Path) -> None:
    """Whoever gives it: nothing is written beside the folder."""
    mirror = Mirror(s3, tmp_path / "inside")
    with pytest.raises(StoreCorrupt, match="leads out"):
        mirror.layers("../outside")
    with pytest.raises(StoreCorrupt, match="leads out"):
        mirror.fetch_layer("../outside", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_with_other_bundles_refuses(processed: tuple[Settings, str]) -> None:
    """Products would not be the same: the task says which bundles it has and which are wanted."""
    settings, build = processed
    job = Job("", build, settings.model_dump_json(), (("upscale", "other@0123"),))
    with pytest.raises(BundleError, match="other@0123"):
        process_layer(job, 0)
    right = replace(job, bundles=tuple(sorted(Models.load(settings).names.items())))
    assert process_layer(right, 0).index == 0


def test_a_scheduler_that_does_not_answer_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the address."""
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:18409"), connected("tcp://127.0.0.1:18409"):
        pass
