"""Replay as evidence: what a record names is enough to make its products again; what-ifs stand beside them."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from monitor.config import Settings
from monitor.domain import BundleError
from monitor.inference import Bundle
from monitor.store import BuildReader, ModelBook, ProductReader, replace_reference, verify
from monitor.worker import Models, make_again, process_build, recipe_of, take_in
from tests.acquire.tiny import acquired, tiny_settings
from tests.cli.in_process import invoke
from tests.faults.test_kill import free_port, written
from tests.worker.hand_made import UPSCALER, make_models

NAME = UPSCALER


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    models = make_models(tmp_path / "models")
    return tiny_settings(tmp_path / "builds", models=models, layers=4, fault_rate=0.3, seed=3)


@pytest.fixture
def config(tmp_path: Path, settings: Settings) -> str:
    return str(written(settings, tmp_path / "monitor.toml", free_port()))


def swapped_build(tmp_path: Path, settings: Settings) -> tuple[BuildReader, str]:
    """A build whose first layers were made by the configured bundle and its last by another, with another seed."""
    build = acquired(settings)
    root = settings.store.root
    stop = threading.Event()
    process_build(settings, Models.load(settings), build.manifest.id, stop, lambda product: stop.set())
    label = take_in(settings, ModelBook(root), make_models(tmp_path / "n", noise=0.2) / NAME, by="t", why="t").label
    take_in(settings, ModelBook(root), tmp_path / "models" / NAME, by="t", why="t")
    other = settings.model_copy(update={"upscale": settings.upscale.model_copy(update={"seed": 77, "steps": 3})})
    models = Models.load(other).with_bundle(other, "upscale", ModelBook(root).kept()[label])
    process_build(other, models, build.manifest.id, threading.Event())
    return build, label


def test_products_are_made_again_from_their_records_alone(tmp_path: Path, settings: Settings) -> None:
    """Two bundles, two seeds and steps in one build: every bit, though the configuration names neither now."""
    build, label = swapped_build(tmp_path, settings)
    products = ProductReader.open(settings.store.root, build.manifest.id, "live")
    named = {products.record(index).bundles.get("upscale") for index in products.layers()} - {None}
    assert len(named) == 2
    shutil.rmtree(tmp_path / "models" / NAME)  # an update of the program brings another one
    shutil.copytree(make_models(tmp_path / "newer", noise=0.4) / NAME, tmp_path / "models" / NAME)
    assert {products.record(index).recipe["upscale"]["seed"] for index in products.layers()} == {0, 77}
    again = list(make_again(settings, build.manifest.id, threading.Event()))
    assert [(layer.index, layer.differs, layer.assumed) for layer in again] == [
        (index, (), False) for index in products.layers()
    ]
    shutil.rmtree(ModelBook(settings.store.root).kept()[label])
    with pytest.raises(BundleError, match=f"bundle {label}, which made layer") as caught:
        list(make_again(settings, build.manifest.id, threading.Event()))
    assert "import it" in caught.value.cure


def test_rounds_that_were_shed_are_shed_again(settings: Settings) -> None:
    """Layers behind which others waited were asked for less often, and come out bit for bit all the same."""
    update = {"upscale": {"pace": "cadence"}, "segment": {"prior": "reference"}}
    changed = {key: getattr(settings, key).model_copy(update=more) for key, more in update.items()}
    settings = settings.model_copy(update=changed)
    build = acquired(settings)
    shape = build.manifest.grid.shape
    for index in build.layers():  # two parts where there are none
        wrong = np.zeros(shape, bool)
        wrong[2:12, 2:12] = wrong[2:12, -12:-2] = True
        replace_reference(settings.store.root, build.manifest.id, index, wrong)
    process_build(settings, Models.load(settings), build.manifest.id, threading.Event())
    products = ProductReader.open(settings.store.root, build.manifest.id, "live")
    made = {index: products.record(index) for index in products.layers()}
    rounds = [each.value for record in made.values() for each in record.measures if each.name == "rounds"]
    assert sorted(rounds)[-1] == 10
    assert len(set(rounds)) > 1
    again = list(make_again(settings, build.manifest.id, threading.Event()))
    assert [layer.differs for layer in again] == [()] * len(made)


def test_evidence_sees_what_is_not_the_same(tmp_path: Path, settings: Settings, config: str) -> None:
    """A record that names another seed than the one its products were made with: exit code 1 and the names."""
    build = acquired(settings).manifest.id
    root = settings.store.root
    assert invoke("process", build, "-c", config).exit_code == 0
    result = invoke("replay", build, "--evidence", "-c", config)
    assert result.exit_code == 0
    assert "4 of 4 layers are the same bit for bit" in result.words
    other = settings.model_copy(update={"upscale": settings.upscale.model_copy(update={"seed": 5})})
    lying = settings.worker.model_copy(update={"product_set": "lying"})
    from monitor.store import ProductWriter
    from monitor.worker import Pipeline

    with ProductWriter.open(root, build, "lying", recipe_of(settings)) as writer:
        pipeline = Pipeline(other, Models.load(other), BuildReader.open(root, build))
        for index in BuildReader.open(root, build).layers():
            writer.commit(pipeline.process(index))
    told = [a for a in make_again(settings.model_copy(update={"worker": lying}), build, threading.Event()) if a.differs]
    assert told
    assert {"seed", "upscaled"} <= set(told[0].differs)


def test_a_what_if_stands_beside_the_first_products(tmp_path: Path, settings: Settings, config: str) -> None:
    """Another bundle and other settings into a set of its own; the first stays; a set is never mixed."""
    build = acquired(settings).manifest.id
    root = settings.store.root
    assert invoke("process", build, "-c", config).exit_code == 0
    before = ProductReader.open(root, build, "live").record(0)
    label = take_in(settings, ModelBook(root), make_models(tmp_path / "n", noise=0.2) / NAME, by="t", why="t").label
    what_if = ("replay", build, "--as", "noisy", "--bundle", label, "--set", "upscale.seed=9", "-c", config)
    assert "4 layers made into 'noisy'" in invoke(*what_if).words
    made = ProductReader.open(root, build, "noisy")
    index = next(i for i in made.layers() if made.record(i).bundles)
    assert made.record(index).bundles["upscale"] == label
    assert made.record(index).seed == 9 + index
    assert made.record(index).recipe["upscale"]["seed"] == 9
    assert ProductReader.open(root, build, "live").record(0) == before
    assert verify(root, build).problems == ()
    mixed = invoke("replay", build, "--as", "noisy", "-c", config)
    assert (mixed.exit_code, "made with other bundles or settings" in mixed.words) == (2, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--as", "live"), "not a name for products beside 'live'"),
        (("--bundle", "x"), "not a name for products beside"),
        (("--as", "Not a name"), "cannot be the name of a product set"),
        (("--as", "x", "--set", "upscale.colour=red"), "unknown key 'upscale.colour'"),
        (("--as", "x", "--set", "upscale.steps=0"), "greater than or equal to 1"),
        (("--as", "x", "--set", "store.root=/"), "unknown key 'store.root'"),
        (("--as", "x", "--bundle", "nobody"), "there is no bundle 'nobody'"),
    ],
)
def test_a_what_if_that_cannot_be_is_told(
    settings: Settings, config: str, options: tuple[str, ...], words: str
) -> None:
    """Two lines and exit code 2; nothing is made."""
    build = acquired(settings).manifest.id
    result = invoke("replay", build, *options, "-c", config)
    assert result.exit_code == 2
    assert words in result.words
    assert ProductReader.open(settings.store.root, build, "x").layers() == ()


def test_the_configured_bundles_are_kept_for_evidence(tmp_path: Path, settings: Settings) -> None:
    """A worker that has run leaves a copy of what it used, so that an update of the program takes nothing away."""
    from monitor.worker.taking_in import keep_configured

    book = ModelBook(settings.store.root)
    keep_configured(settings, book)
    labels = {Bundle.read(path).label for path in (tmp_path / "models").iterdir()}
    assert set(book.kept()) == labels
