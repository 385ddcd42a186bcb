"""The worker on real stores with real sessions: what becomes of each committed layer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest

from monitor.config import Settings
from monitor.domain import BundleError, Calibration, Frame, Image, Layer, LayerProduct, ProductState
from monitor.store import (
    BuildReader,
    BuildWriter,
    ProductReader,
    list_builds,
    read_statuses,
    replace_reference,
    verify,
)
from monitor.worker import Models, pending_builds, process_build, run_worker
from tests.acquire.tiny import acquired, gaps, tiny_settings
from tests.worker.hand_made import make_models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("models"))


def recorded(root: Path, models: Path, **simulation: Any) -> tuple[Settings, BuildReader]:
    """Builds of a tiny plate, on which the hand-made segmenter finds about half of what the laser melts: no prior."""
    settings = tiny_settings(root, models=models, **simulation)
    unbounded = settings.segment.model_copy(update={"prior": "none"})
    return settings.model_copy(update={"segment": unbounded}), acquired(settings)


def imported(
    build: BuildReader, root: Path, spoilt: Callable[[Image], Image], origin: Literal["import", "live"] = "import"
) -> None:
    """A build "imported" of the first layer's webcam frame: as it is, and spoilt; after two seconds of laser."""
    seen = build.capture(0, "webcam")
    assert isinstance(seen, Frame)
    webcam = tuple(camera for camera in build.manifest.cameras if camera.name == "webcam")
    manifest = replace(build.manifest, id="imported", origin=origin, cameras=webcam)
    with BuildWriter.create(root, manifest) as writer:
        for index, image in enumerate((seen.image, spoilt(np.asarray(seen.image, np.uint8)))):
            end, stamp = replace(build.record(0).end, on_time_s=2.0), build.record(0).wall_time
            writer.commit(Layer(index, 0.03 * (index + 1), end, stamp, {"webcam": replace(seen, image=image)}))


def processed(settings: Settings, build: str) -> tuple[ProductReader, list[LayerProduct]]:
    made: list[LayerProduct] = []
    process_build(settings, Models.load(settings), build, threading.Event(), made.append)
    return ProductReader.open(settings.store.root, build, settings.worker.product_set), made


def work_until(settings: Settings, done: Callable[[], bool], seconds: float = 60.0) -> None:
    """Run the worker until something is so."""
    stop = threading.Event()
    thread = threading.Thread(target=run_worker, args=(settings, stop))
    thread.start()
    deadline = time.monotonic() + seconds
    try:
        while not done():
            assert thread.is_alive(), "the worker ended"
            assert time.monotonic() < deadline, "not reached in time"
            time.sleep(0.02)
    finally:
        stop.set()
        thread.join(30)


def test_each_layer_gets_all_its_products(tmp_path: Path, models: Path) -> None:
    """Rectified, super-resolved, segmented, measured; each says which bundles made it, where, and what it cost."""
    settings, build = recorded(tmp_path, models, layers=2)
    replace_reference(tmp_path, build.manifest.id, 1, np.ones((96, 96), np.bool_))
    products, made = processed(settings, build.manifest.id)
    assert products.layers() == (0, 1)
    for index in products.layers():
        product = products.load(index)
        assert product.state is ProductState.OK
        assert product.mask is not None
        assert product.mask.any()
        assert product.upscaled is not None
        assert not np.array_equal(product.upscaled, product.rectified)
        assert set(product.bundles) == {"upscale", "segment"}
        assert product.device == "CPUExecutionProvider"
        assert product.seed == index
    names = [{measure.name for measure in products.record(index).measures} for index in (0, 1)]
    assert "iou" not in names[0]
    assert "iou" in names[1], "a reference mask is compared with"
    assert {*made[0].timings_s} == {"read", "rectify", "upscale", "segment", "measure", "parts", "store"}
    assert verify(tmp_path, build.manifest.id).problems == ()


def test_nothing_is_processed_twice(tmp_path: Path, models: Path) -> None:
    """The product record is the only memory: a second run finds nothing to do."""
    settings, build = recorded(tmp_path, models, layers=2)
    assert len(processed(settings, build.manifest.id)[1]) == 2
    assert processed(settings, build.manifest.id)[1] == []


def test_a_layer_without_a_frame_is_missing_in_its_place(tmp_path: Path, models: Path) -> None:
    """An explicit state with the reason, and an unknown plane in the volume, never a silent gap."""
    settings, build = recorded(tmp_path, models, layers=6, fault_rate=0.4, seed=3)
    missed = gaps(build, "webcam")
    assert 0 < len(missed) < 6
    products, _ = processed(settings, build.manifest.id)
    assert products.layers() == tuple(range(6))
    for index in products.layers():
        record = products.record(index)
        assert (record.state is ProductState.MISSING) == (index in missed)
        if index in missed:
            assert record.reason == f"no webcam frame: {missed[index]}"
            assert np.all(products.plane(index, 0) == 127)


def test_a_damaged_frame_costs_its_own_layer_only(tmp_path: Path, models: Path) -> None:
    """Bit rot in one image is said in its product; the layers after it are processed."""
    settings, build = recorded(tmp_path, models, layers=3)
    (chunk,) = (tmp_path / build.manifest.id / "raw" / "webcam").glob("c.1.*")
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 0xFF
    chunk.write_bytes(bytes(data))
    products, _ = processed(settings, build.manifest.id)
    states = [products.record(index).state for index in products.layers()]
    assert states == [ProductState.OK, ProductState.MISSING, ProductState.OK]
    assert "frame of 'webcam' in layer 1" in products.record(1).reason


@pytest.mark.parametrize(("grey", "said"), [(0, "is black"), (255, "is of one grey")])
def test_a_recorded_frame_that_shows_nothing_is_missing(tmp_path: Path, models: Path, grey: int, said: str) -> None:
    """An imported picture was judged by no camera's check: nothing is drawn of it, and no empty layer comes of it."""
    settings, build = recorded(tmp_path, models, layers=1)
    imported(build, tmp_path, lambda image: np.full_like(image, grey))
    products, _ = processed(settings, "imported")
    assert [products.record(k).state for k in (0, 1)] == [ProductState.OK, ProductState.MISSING]
    assert said in products.record(1).reason
    assert np.all(products.plane(1, 0) == 127)


@pytest.mark.parametrize("origin", ["live", "import"])
def test_a_layer_without_metal_is_not_believed_where_the_laser_was_on(
    tmp_path: Path, models: Path, origin: Literal["import", "live"]
) -> None:
    """Even grain is all powder or all melted; of an imported picture nobody heard the laser, and it is empty."""

    def grain(image: Image) -> Image:
        return np.random.default_rng(1).normal(210, 4, image.shape).astype(np.uint8)

    settings, build = recorded(tmp_path, models, layers=1)
    imported(build, tmp_path, grain, origin)
    products, _ = processed(settings, "imported")
    first, second = (products.load(k) for k in (0, 1))
    assert first.state is ProductState.OK
    assert second.mask is not None
    assert not second.mask.any()
    heard = "the laser was on for 2 s, and no metal is seen" if origin == "live" else ""
    assert (second.state is ProductState.ANOMALY, second.reason) == (bool(heard), heard)


def test_a_layer_is_held_against_what_the_machine_melts(tmp_path: Path, models: Path) -> None:
    """Its melt rate is measured, and not believed where the machine is known to melt ten times as much."""
    settings, build = recorded(tmp_path, models, layers=1)
    imported(build, tmp_path, lambda image: image, "live")
    products, _ = processed(settings, "imported")
    assert products.record(0).state is ProductState.OK
    (rate,) = (measure.value for measure in products.record(0).measures if measure.name == "melt rate")
    for factor, state in ((1.0, ProductState.OK), (10.0, ProductState.ANOMALY)):
        told = {"melt_rate_mm2_s": (0.8 * factor * rate, 1.2 * factor * rate)}
        segment = settings.segment.model_copy(update=told)
        worker = settings.worker.model_copy(update={"product_set": f"told-{factor:.0f}"})
        products, _ = processed(settings.model_copy(update={"segment": segment, "worker": worker}), "imported")
        assert products.record(0).state is state
        assert ("enough for" in products.record(0).reason) is (state is ProductState.ANOMALY)


@pytest.mark.parametrize(("grey", "said"), [(255, "saturated"), (0, "black"), (128, "one even grey")])
def test_a_layer_of_which_much_is_not_seen_is_not_believed(tmp_path: Path, models: Path, grey: int, said: str) -> None:
    """In a flash of the laser, behind a hand, or in lost data no mask can be right, whatever the model makes of it."""

    def covered(image: Image) -> Image:
        partly = image.copy()
        partly[:, : image.shape[1] * 2 // 3] = grey
        return partly

    settings, build = recorded(tmp_path, models, layers=1)
    imported(build, tmp_path, covered)
    products, _ = processed(settings, "imported")
    assert [products.record(k).state for k in (0, 1)] == [ProductState.OK, ProductState.ANOMALY]
    assert f"of the frame is {said}" in products.record(1).reason
    assert np.all(products.plane(1, 0) == 127)


def test_a_high_resolution_source_is_not_super_resolved(tmp_path: Path, models: Path) -> None:
    """What was measured is segmented as it is; nothing generated is stored or named."""
    settings, build = recorded(tmp_path, models, layers=1)
    worker = settings.worker.model_copy(update={"source": "basler", "product_set": "measured"})
    products, made = processed(settings.model_copy(update={"worker": worker}), build.manifest.id)
    product = products.load(0)
    assert (product.upscaled, product.spread, product.inconsistency) == (None, None, None)
    assert product.rectified is not None
    assert product.mask is not None
    assert set(product.bundles) == {"segment"}
    assert "upscale" not in made[0].timings_s


def test_metal_is_held_against_where_the_laser_was(tmp_path: Path, models: Path) -> None:
    """By default a layer says what share of the laser's area is metal, has none elsewhere, and needs 80 % of it."""
    settings, build = recorded(tmp_path, models, layers=1)
    bounded = settings.model_copy(update={"segment": settings.segment.model_copy(update={"prior": "laser"})})
    products, (made,) = processed(bounded, build.manifest.id)
    exposed = build.laser_map(0)
    assert exposed is not None
    assert made.mask is not None
    reach = cv2.dilate((exposed.exposure_us > 0).astype(np.uint8), np.ones((21, 21), np.uint8)).astype(bool)
    assert not made.mask[~reach].any()
    numbers = {measure.name: measure.value for measure in products.record(0).measures}
    bases = {measure.name: measure.basis for measure in products.record(0).measures}
    assert bases["expected area found"] == "mask against the laser-on map"
    assert numbers["left out beyond it"] >= 0
    assert (made.state is ProductState.ANOMALY) == (numbers["expected area found"] < 80)


def test_the_rectified_picture_can_be_segmented_instead(tmp_path: Path, models: Path) -> None:
    """Both pictures are made all the same, and the mask is that of the picture which was asked for."""
    settings, build = recorded(tmp_path, models, layers=1)
    masks = {}
    for picture in ("upscaled", "rectified"):
        segment = settings.segment.model_copy(update={"picture": picture})
        worker = settings.worker.model_copy(update={"product_set": picture})
        chosen = settings.model_copy(update={"segment": segment, "worker": worker})
        products, _ = processed(chosen, build.manifest.id)
        assert {"rectified", "upscaled"} <= set(products.record(0).arrays)
        masks[picture] = products.array(0, "probability")
    assert not np.array_equal(masks["upscaled"], masks["rectified"])


def test_a_model_that_fails_is_not_the_layers_fault(tmp_path: Path, models: Path) -> None:
    """Values that are not finite: the layer stays pending, and a sound bundle makes its products later."""
    wild = make_models(tmp_path / "wild", noise=1e38)
    settings, build = recorded(tmp_path / "builds", wild, layers=2)
    with pytest.raises(BundleError, match="not finite"):
        run_worker(settings, threading.Event())
    status = next(status for status in read_statuses(settings.store.root) if status.process == "worker")
    assert status.state == "failed"
    assert "not finite" in status.detail
    sound = settings.model_copy(update={"worker": settings.worker.model_copy(update={"models": models})})
    products, _ = processed(sound, build.manifest.id)
    assert [products.record(index).state for index in products.layers()] == [ProductState.OK] * 2


class StopAfter(threading.Event):
    """Set by itself once it has been looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize("stages", range(5))
def test_a_stop_does_not_wait_for_the_layer_at_hand(tmp_path: Path, models: Path, stages: int) -> None:
    """Stopped before any of a layer's five stages, nothing of it counts, and the next start makes it."""
    settings, build = recorded(tmp_path, models, layers=1)
    assert process_build(settings, Models.load(settings), build.manifest.id, StopAfter(stages)) == 0
    assert ProductReader.open(tmp_path, build.manifest.id).layers() == ()
    products, _ = processed(settings, build.manifest.id)
    assert products.layers() == (0,)


def test_the_worker_follows_a_build_while_it_grows(tmp_path: Path, models: Path) -> None:
    """Started before the first layer, it has made all products shortly after the last; the volume has no room left."""
    settings = tiny_settings(tmp_path, models=models, layers=5)
    acquiring = threading.Thread(target=acquired, args=(settings,))
    acquiring.start()

    def complete() -> bool:
        builds = list_builds(tmp_path)
        if not builds or len(ProductReader.open(tmp_path, builds[0].manifest.id, "live").layers()) < 5:
            return False
        finest = tmp_path / builds[0].manifest.id / "products" / "live" / "volume" / "0" / "zarr.json"
        return bool(json.loads(finest.read_text())["shape"][0] == 5)

    work_until(settings, complete)
    acquiring.join(30)
    status = next(status for status in read_statuses(tmp_path) if status.process == "worker")
    assert (status.state, status.layer) == ("stopped", 4)
    assert set(status.facts["bundles"]) == {"upscale", "segment"}
    assert verify(tmp_path, list_builds(tmp_path)[0].manifest.id).problems == ()


def test_a_build_that_cannot_be_processed_keeps_no_other_waiting(tmp_path: Path, models: Path) -> None:
    """A camera without calibration: said with its cure, while the older build is finished."""
    settings, sound = recorded(tmp_path, models, layers=2)
    facts = tuple(replace(facts, calibration=None) for facts in sound.facts)
    manifest = replace(sound.manifest, id="zz", created="2999-01-01T00:00:00+00:00", cameras=facts)
    with BuildWriter.create(tmp_path, manifest) as writer:
        layer = sound.record(0)
        captures = {f.name: sound.capture(0, f.name) for f in facts}
        writer.commit(Layer(0, layer.height_mm, layer.end, layer.wall_time, captures))
    assert pending_builds(tmp_path, "live") == ["zz", sound.manifest.id]

    def said() -> bool:
        done = len(ProductReader.open(tmp_path, sound.manifest.id, "live").layers()) == 2
        worker = [status for status in read_statuses(tmp_path) if status.process == "worker"]
        return done and bool(worker) and worker[0].state == "failed" and "[cameras.corners]" in worker[0].detail

    work_until(settings, said)
    assert ProductReader.open(tmp_path, "zz", "live").layers() == ()


def test_the_damaged_volume_of_an_old_build_keeps_no_other_waiting(tmp_path: Path, models: Path) -> None:
    """It cannot be cut to its layers; that is said, and the worker goes on."""
    settings, old = recorded(tmp_path, models, layers=1)
    processed(settings, old.manifest.id)
    (tmp_path / old.manifest.id / "products" / "live" / "volume" / "0" / "zarr.json").write_text("{")
    later: list[BuildReader] = []

    def gone_on() -> bool:
        rests = any(said.process == "worker" and said.state == "idle" for said in read_statuses(tmp_path))
        if rests and not later:
            later.append(recorded(tmp_path, models, layers=1)[1])
        return any(ProductReader.open(tmp_path, build.manifest.id, "live").layers() == (0,) for build in later)

    work_until(settings, gone_on)


def test_a_camera_that_moved_is_missing_and_says_so(tmp_path: Path, models: Path) -> None:
    """A calibration that does not fit the frame is a fault of that image, not of the model."""
    settings, build = recorded(tmp_path, models, layers=1)
    calibration = build.facts[0].calibration
    assert calibration is not None
    other = Calibration(calibration.plate_to_image, (10, 10), "corners")
    facts = (replace(build.facts[0], calibration=other), build.facts[1])
    manifest = replace(build.manifest, id="moved", cameras=facts)
    with BuildWriter.create(tmp_path, manifest) as writer:
        record = build.record(0)
        captures = {f.name: build.capture(0, f.name) for f in facts}
        writer.commit(Layer(0, record.height_mm, record.end, record.wall_time, captures))
    products, _ = processed(settings, "moved")
    assert products.record(0).state is ProductState.MISSING
    assert "10" in products.record(0).reason


def test_recordings_are_left_to_their_commands(tmp_path: Path, models: Path) -> None:
    """A replay processes its own build: the worker beside it must not fight for the same product set."""
    _, build = recorded(tmp_path, models, layers=1)
    for origin in ("replay", "import"):
        with BuildWriter.create(tmp_path, replace(build.manifest, id=origin, origin=origin)) as writer:
            writer.end("done")
    assert pending_builds(tmp_path, "live") == [build.manifest.id]
