"""Bundles under a worker that runs: dropped, compared, activated between two layers, given up, rolled back."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from monitor.config import Settings
from monitor.domain import BundleError
from monitor.inference import Bundle, file_digest
from monitor.store import PURPOSES, ModelBook, ProductReader, comparisons, picture_of, read_statuses
from monitor.worker import (
    Models,
    Shadow,
    configured,
    notices,
    process_build,
    purpose_of,
    run_worker,
    take_in,
    try_bundle,
)
from monitor.worker.active import ActiveModels
from monitor.worker.inbox import Inbox
from tests.acquire.tiny import acquired, tiny_settings
from tests.inference.small import onnx_model, save
from tests.worker.hand_made import UPSCALER, make_models, make_regression

NAME = UPSCALER


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another bundle of the same name, which draws more noise."""
    return make_models(tmp_path_factory.mktemp("other"), noise=0.2) / NAME


@pytest.fixture
def settings(tmp_path: Path, models: Path) -> Settings:
    return tiny_settings(tmp_path / "builds", models=models, layers=3)


@pytest.fixture
def book(settings: Settings) -> ModelBook:
    return ModelBook(settings.store.root)


@contextmanager
def working(settings: Settings) -> Iterator[threading.Thread]:
    """The worker, begun anew as often as it asks for it."""
    stop = threading.Event()

    def work() -> None:
        while run_worker(settings, stop):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(30)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(0.02)


def ask(book: ModelBook, label: str, *, back: bool = False) -> int:
    return book.add("asked", label, "upscale", by="test", why="because", back=back).number


def settled(book: ModelBook, number: int) -> str:
    return next((event.what for event in book.events() if event.of == number), "")


def made(settings: Settings, build: str) -> list[str]:
    products = ProductReader.open(settings.store.root, build, settings.worker.product_set)
    return [products.record(index).bundles["upscale"] for index in products.layers()]


@pytest.mark.slow
def test_a_bundle_is_used_from_the_layer_after_it_was_activated(
    settings: Settings, book: ModelBook, other: Path
) -> None:
    """And the one before after going back; each product names the bundle that made it."""
    before = Bundle.read(settings.worker.models / NAME).label if settings.worker.models else ""
    label = take_in(settings, book, other, by="test", why="new").label
    with working(settings):
        first = acquired(settings).manifest.id
        until(lambda: len(made(settings, first)) == 3)
        number = ask(book, label)
        until(lambda: settled(book, number) == "activated")
        second = acquired(settings).manifest.id
        until(lambda: len(made(settings, second)) == 3)
        number = ask(book, book.standing("upscale").before[-1][0], back=True)
        until(lambda: settled(book, number) == "activated")
        third = acquired(settings).manifest.id
        until(lambda: len(made(settings, third)) == 3)
    assert (set(made(settings, first)), set(made(settings, third))) == ({before}, {before})
    assert set(made(settings, second)) == {label}
    assert book.standing("upscale").active == ""
    assert [event.what for event in book.events()] == ["imported", "asked", "activated", "asked", "activated"]


def test_a_regression_takes_the_place_of_a_diffusion(settings: Settings, book: ModelBook, tmp_path: Path) -> None:
    """It draws nothing: one step, one sample, no spread."""
    label = take_in(settings, book, make_regression(tmp_path / "blur"), by="test", why="new").label
    with working(settings):
        number = ask(book, label)
        until(lambda: settled(book, number) == "activated")
        build = acquired(settings).manifest.id
        until(lambda: len(made(settings, build)) == 3)
    assert set(made(settings, build)) == {label}
    product = ProductReader.open(settings.store.root, build, settings.worker.product_set).load(0)
    assert (product.steps, product.samples) == (1, 1)
    assert product.spread is not None
    assert not product.spread.any()


def test_a_bundle_that_fails_its_trial_changes_nothing(settings: Settings, book: ModelBook, tmp_path: Path) -> None:
    """Damaged after it was taken in: refused with its reason, told as a notice, and the worker's bundle stays."""
    label = take_in(settings, book, make_models(tmp_path / "m", noise=0.3) / NAME, by="test", why="new").label
    (book.kept()[label] / "denoiser.onnx").write_bytes(b"no model")
    with working(settings):
        number = ask(book, label)
        until(lambda: settled(book, number) == "failed")
        build = acquired(settings).manifest.id
        until(lambda: len(made(settings, build)) == 3)
        until(lambda: any("SHA-256" in status.detail for status in read_statuses(settings.store.root)))
    assert label not in made(settings, build)
    assert any(f"bundle {label} was not activated" in notice for notice in notices(book))


def test_an_active_bundle_that_cannot_be_loaded_is_given_up(settings: Settings, book: ModelBook, other: Path) -> None:
    """Its file is lost while the worker is down: the next start notes it and uses the one before."""
    label = take_in(settings, book, other, by="test", why="new").label
    number = ask(book, label)
    book.add("activated", label, "upscale", by="test", why="tried", of=number)
    (book.kept()[label] / "denoiser.onnx").unlink()
    build = acquired(settings).manifest.id
    with working(settings):
        until(lambda: len(made(settings, build)) == 3)
    assert label not in made(settings, build)
    assert book.standing("upscale").active == ""
    assert book.standing("upscale").failed is not None


def test_a_bundle_that_fails_on_its_first_layer_is_given_up(
    settings: Settings, book: ModelBook, tmp_path: Path
) -> None:
    """What a trial cannot foresee: values that are not finite on a real layer only. No layer is lost."""
    wild = make_models(tmp_path / "m", brightest=201) / NAME  # the powder is brighter, the drawn picture is not
    assert try_bundle(wild, settings).kind == "latent-diffusion"
    label = take_in(settings, book, wild, by="test", why="new").label
    number = ask(book, label)
    with working(settings):
        until(lambda: settled(book, number) == "activated")
        build = acquired(settings).manifest.id
        until(lambda: [e.what for e in book.events() if e.of == number] == ["activated", "failed"])
        until(lambda: len(made(settings, build)) == 3)
    assert label not in made(settings, build)


def test_a_bundle_that_fails_on_a_later_layer_is_given_up_by_the_next_process(
    settings: Settings, book: ModelBook, other: Path
) -> None:
    """The first failure may be the process's own; a fresh one that fails before any product blames the bundle named."""
    label = take_in(settings, book, other, by="test", why="new").label
    number = ask(book, label)
    with working(settings):
        until(lambda: settled(book, number) == "activated")
        build = acquired(settings).manifest.id
        until(lambda: made(settings, build) == [label] * 3)
    error = BundleError(f"bundle {label}: the encoder gave values that are not finite", cure="choose another one")
    first, second = ActiveModels(settings), ActiveModels(settings)
    first.proven = True
    assert not first.undo(error)
    assert not second.undo(BundleError("bundle of somebody else: failed", cure="none"))
    assert book.standing("upscale").active == label
    assert second.undo(error)
    assert book.standing("upscale").active != label
    assert [event.what for event in book.events() if event.of == number] == ["activated", "failed"]


def test_a_good_drop_is_taken_in_and_a_bad_one_refused(settings: Settings, book: ModelBook, other: Path) -> None:
    """The good one leaves the folder for the store; the bad one goes to `refused` with a text; neither is active."""
    book.drop.mkdir(parents=True)
    inbox = Inbox(settings, book, quiet_s=0.0, patience_s=0.2)
    shutil.copytree(other, book.drop / "good")
    shutil.copytree(other, book.drop / "bad")
    (book.drop / "bad" / "denoiser.onnx").write_bytes(b"no model")
    (book.drop / "weights.pth").write_bytes(b"\x80\x04.")
    until(lambda: not inbox.look())
    label = Bundle.read(other).label
    assert [label] == list(book.kept())
    assert list(book.drop.iterdir()) == []
    assert sorted(path.name for path in book.refused.iterdir()) == [
        "bad", "bad.refused.txt", "weights.pth", "weights.pth.refused.txt",
    ]  # fmt: skip
    assert "may hold a pickle" in (book.refused / "weights.pth.refused.txt").read_text()
    happened = {(event.what, event.bundle) for event in book.events()}
    assert happened == {("refused", "bad"), ("imported", label), ("refused", "weights.pth")}
    assert len(notices(book)) == 2
    assert book.standing("upscale").active == ""


def test_a_bare_graph_with_its_manifest_beside_it_is_taken_in(settings: Settings, book: ModelBook, other: Path) -> None:
    """Every file that the manifest names goes with it; a graph alone is refused."""
    book.drop.mkdir(parents=True)
    inbox = Inbox(settings, book, quiet_s=0.0, patience_s=0.0)
    for file in other.iterdir():
        shutil.copy(file, book.drop / ("mine.toml" if file.name == "bundle.toml" else file.name))
    save(book.drop / "alone.onnx", onnx_model())
    until(lambda: not inbox.look())
    assert [Bundle.read(other).label] == list(book.kept())
    assert list(book.drop.iterdir()) == []
    assert "put alone.toml there" in (book.refused / "alone.onnx.refused.txt").read_text()


def test_a_file_that_is_still_being_copied_waits(settings: Settings, book: ModelBook, other: Path) -> None:
    """Cut off and quiet for a moment, it is neither taken in nor refused; whole, it is taken in."""
    book.drop.mkdir(parents=True)
    inbox = Inbox(settings, book, quiet_s=0.0, patience_s=60.0)
    shutil.copytree(other, book.drop / "slow")
    whole = (other / "decoder.onnx").read_bytes()
    (book.drop / "slow" / "decoder.onnx").write_bytes(whole[:-20])
    for _ in range(4):
        assert inbox.look()
    assert not book.events()
    (book.drop / "slow" / "decoder.onnx").write_bytes(whole)
    until(lambda: not inbox.look())
    assert [event.what for event in book.events()] == ["imported"]


def test_a_shipped_bundle_can_be_activated(settings: Settings) -> None:
    """The configured ones have a use, and the one that super-resolves is tried on a layer of the plate's size."""
    for purpose in PURPOSES:
        assert purpose_of(Bundle.read(configured(Settings(), purpose))) == purpose
    assert try_bundle(configured(Settings(), "upscale"), settings).seconds is not None


@pytest.mark.parametrize("sizes", [[1, 1, 8, 8], ["n", 3, "h", "w"]])
def test_a_model_of_other_shapes_fails_its_trial(settings: Settings, tmp_path: Path, sizes: list[int | str]) -> None:
    """One fixed size, as its self-test has, or colours: what is told says which input, which size and which was due."""
    odd = make_models(tmp_path / "m") / NAME
    graph = onnx.load(odd / "denoiser.onnx")
    graph.graph.input[0].CopyFrom(helper.make_tensor_value_info("noisy", TensorProto.FLOAT, sizes))
    old, new = file_digest(odd / "denoiser.onnx"), file_digest(save(odd / "denoiser.onnx", graph))
    (odd / "bundle.toml").write_text((odd / "bundle.toml").read_text().replace(old, new))
    with pytest.raises(BundleError, match=r"denoiser\.onnx.* noisy .*Expected: (8|3)") as caught:
        try_bundle(odd, settings)
    assert "any size" in caught.value.cure


def test_a_model_that_would_eat_the_memory_ends_its_own_trial_only(settings: Settings, tmp_path: Path) -> None:
    """The process that tries it is bounded; what is told names the bundle."""
    huge = make_models(tmp_path / "m") / NAME
    old = file_digest(huge / "encoder.onnx")
    new = file_digest(save(huge / "encoder.onnx", huge_graph()))
    (huge / "bundle.toml").write_text((huge / "bundle.toml").read_text().replace(old, new))
    with pytest.raises(BundleError) as caught:
        try_bundle(huge, settings, memory=3 * 2**30)
    assert caught.value.cure
    with pytest.raises(BundleError, match=r"more processor time than it may|did not end within"):
        try_bundle(huge, settings, seconds=1)


def test_a_shadow_says_how_two_bundles_differ(settings: Settings, book: ModelBook, other: Path) -> None:
    """On recorded layers: times, spread, guard, likeness to the measured picture, masks, area of each part."""
    build = acquired(settings).manifest.id
    label = take_in(settings, book, other, by="test", why="new").label
    shadow = Shadow.of(settings, book.kept()[label], build)
    shadow.compare(shadow.recorded(range(3)), live=False, by="test", progress=lambda layer: None)
    (found,) = comparisons(settings.store.root)
    assert (found.purpose, found.candidate, found.active) == ("upscale", label, shadow.active.names["upscale"])
    assert [layer.index for layer in found.layers] == [0, 1, 2]
    for layer in found.layers:
        assert {"upscale s", "segment s", "spread", "inconsistency", "SSIM to HR"} <= set(layer.active)
        assert layer.candidate["spread"] > layer.active["spread"], "it draws more noise"
        assert layer.iou is not None
        assert 0.1 < layer.iou < 1
        assert layer.parts[0].active_mm2 > 1
    assert picture_of(settings.store.root, found.number).read_bytes().startswith(b"\x89PNG")
    assert ProductReader.open(settings.store.root, build, "live").layers() == (), "nothing of it is a product"


def test_a_shadow_of_a_live_build_takes_the_workers_products(settings: Settings, book: ModelBook, other: Path) -> None:
    """The active side is what the worker stored; a bundle beside itself is refused."""
    build = acquired(settings).manifest.id
    label = take_in(settings, book, other, by="test", why="new").label
    shadow = Shadow.of(settings, book.kept()[label], build)
    pairs = shadow.live(3, threading.Event())
    waiting = threading.Thread(target=process_build, args=(settings, Models.load(settings), build, threading.Event()))
    waiting.start()
    done = shadow.compare(pairs, live=True, by="test", progress=lambda layer: None)
    waiting.join()
    stored = ProductReader.open(settings.store.root, build, "live")
    assert done.layers
    for layer in done.layers:
        assert layer.active["upscale s"] == stored.record(layer.index).timings_s["upscale"]
    with pytest.raises(BundleError, match="is the active one"):
        Shadow.of(settings, (settings.worker.models or Path()) / NAME, build)


def huge_graph() -> onnx.ModelProto:
    """An encoder that fills 16 GiB with zeros on its way."""
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceMax", ["zeros"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["image", "nothing"], ["condition"]),
    ]
    facts = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "h", "w"]) for name in ("image", "condition")
    ]
    size = numpy_helper.from_array(np.array([1, 1, 65536, 65536]), "size")
    graph = helper.make_graph(nodes, "huge", facts[:1], facts[1:], [size])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
