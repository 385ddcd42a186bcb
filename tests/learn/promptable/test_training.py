"""Training the segmenter: layers, crops, resuming, thresholds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.domain import BundleError, ConfigError
from monitor.learn.progress import Progress
from monitor.learn.promptable.bundling import load_weights
from monitor.learn.promptable.export import parity
from monitor.learn.promptable.layers import Cropper, Layer, ScenePool
from monitor.learn.promptable.measure import Case, compare, suitable_thresholds, union_iou
from monitor.learn.promptable.real import Real
from monitor.learn.promptable.recipe import ScenesRecipe, SegmenterTraining, load_segmenter_recipe
from monitor.learn.promptable.scenes import random_layer
from monitor.learn.promptable.train import Run, train
from monitor.segment import SegmentThresholds
from tests.conftest import REPOSITORY
from tests.segment.oracle import Oracle, grid_of, picture, truth

SHIPPED = REPOSITORY / "models" / "recipes" / "promptable-small.toml"


def run_in(out: Path) -> Run:
    """A run on three small drawn layers."""
    recipe = SegmenterTraining(
        kind="segmenter", name="x", crops=((64, 2),), scenes=ScenesRecipe(size_px=128, pool=2), image_size=128
    )
    layers = [Layer(image, mask, mask) for image, mask in (random_layer(seed, 128) for seed in range(3))]
    return Run(recipe, out, torch.device("cpu"), layers, Real(), layers, Progress(None))


def test_the_shipped_recipe_is_valid() -> None:
    """The recipe of the default bundle can be read, and bears the name of its file."""
    recipe = load_segmenter_recipe(SHIPPED)
    assert recipe.name == SHIPPED.stem
    assert recipe.smoke().steps < recipe.steps


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("crops = [[100, 2]]", "crops"),
        ("colour = 1", "colour"),
        ("crops = [", "TOML"),
        ("unasked_sizes = [0.6]", "1.0"),
        ("scale = [2.0, 0.5]", "least first"),
        ("[real]\nscale = [0.0, 1.0]", "real.scale"),
    ],
)
def test_a_wrong_recipe_names_the_key(tmp_path: Path, text: str, named: str) -> None:
    """Edges that the network cannot take, unknown keys and broken syntax are told by name."""
    path = tmp_path / "recipe.toml"
    path.write_text(f'kind = "segmenter"\nname = "x"\n{text}\n')
    with pytest.raises(ConfigError, match=named):
        load_segmenter_recipe(path)


def test_drawn_layers_come_from_their_seed_alone() -> None:
    """A pool that starts at a later step holds what a pool that came there holds."""
    recipe = ScenesRecipe(size_px=128, pool=3, renew_every=2)
    came, started = ScenePool(recipe), ScenePool(recipe)
    came.at(0)
    for one, other in zip(came.at(5), started.at(5), strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.mask, other.mask)


def test_a_crop_keeps_image_and_mask_together() -> None:
    """Where metal is much brighter than powder, the crop's bright pixels are the crop's mask, at any magnification."""
    mask = truth()
    image = np.where(mask, 220, 30).astype(np.uint8)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        cropped = Cropper((0.5, 2.0), 1.0).crop(rng, Layer(image, mask, mask), 64)
        crop, cut = cropped.image, cropped.mask
        assert np.array_equal(cropped.found, cut)
        assert crop.shape == cut.shape == (64, 64)
        if cut.any() and not cut.all():
            level = (float(crop[cut].mean()) + float(crop[~cut].mean())) / 2
            alike = (crop > level) == cut
            assert max(alike.mean(), 1 - alike.mean()) > 0.97


def test_a_cropper_of_negatives_shows_bright_metal_dark() -> None:
    """With a share of one every crop is a negative; with none no crop is."""
    mask = truth()
    image = np.where(mask, 220, 30).astype(np.uint8)
    for share in (0.0, 1.0):
        for seed in range(6):
            cropper = Cropper((0.5, 2.0), 1.0, negative_share=share)
            crop = cropper.crop(np.random.default_rng(seed), Layer(image, mask, mask), 64)
            if crop.mask.any() and not crop.mask.all():
                darker = crop.image[crop.mask].mean() < crop.image[~crop.mask].mean()
                assert darker == bool(share)


def test_a_stopped_run_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    """Two steps, stop, resume and one step give the weights of three steps."""
    whole = run_in(tmp_path / "whole")
    for fraction in (0.1, 0.2, 0.3):
        whole.step(fraction)
    (tmp_path / "cut").mkdir()
    first = run_in(tmp_path / "cut")
    first.step(0.1)
    first.step(0.2)
    first.keep(0.25)
    second = run_in(tmp_path / "cut")
    second.restore()
    second.step(0.3)
    assert second.step_count == 3
    for ours, theirs in zip(second.average.parameters(), whole.average.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_settled_run_learns_weights_and_normalises_as_a_finished_model_does(tmp_path: Path) -> None:
    """From its share of the run on, means and spreads stay, and what is learnt goes on."""
    run = run_in(tmp_path)
    run.recipe = run.recipe.model_copy(update={"statistics_share": 0.5})
    run.step(0.4)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    run.step(0.6)
    after = run.network.state_dict()
    kept = [name for name in before if name.endswith(("running_mean", "running_var"))]
    assert kept
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert not torch.equal(before["encoder.stages.0.0.conv.weight"], after["encoder.stages.0.0.conv.weight"])


def test_a_bundle_gives_its_weights_back(tmp_path: Path) -> None:
    """A run that begins with the shipped bundle answers as the bundle does, before it has learnt anything."""
    bundle = SHIPPED.parents[1] / SHIPPED.stem
    run = run_in(tmp_path)
    run.begin_with(bundle)
    assert parity(run.average, bundle) < 1e-3


def test_a_bundle_of_another_kind_is_not_begun_with(tmp_path: Path) -> None:
    """A denoiser's weights are no segmenter's."""
    with pytest.raises(BundleError, match="no file with the role 'encoder'"):
        run_in(tmp_path).begin_with(SHIPPED.parents[1] / "pixel-few-steps")


def test_a_run_that_normalises_nothing_needs_weights_to_begin_with(tmp_path: Path) -> None:
    """The recipe that went on from a bundle is refused without one, before anything is rendered."""
    with pytest.raises(ConfigError, match="statistics_share"):
        train(load_segmenter_recipe(SHIPPED), tmp_path / "run")
    assert not (tmp_path / "run" / "plates").exists()


def test_a_bundle_is_not_normalised_anew(tmp_path: Path) -> None:
    """A recipe that follows the crops' statistics is refused with a bundle, of which they are not known."""
    recipe = load_segmenter_recipe(SHIPPED).model_copy(update={"statistics_share": 0.5})
    with pytest.raises(ConfigError, match=r"statistics_share = 0\.5"):
        train(recipe, tmp_path / "run", warm_start=SHIPPED.parents[1] / SHIPPED.stem)
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_there_are_told(tmp_path: Path) -> None:
    """A bundle cannot be made of nothing."""
    with pytest.raises(BundleError, match="no such file"):
        load_weights(tmp_path / "weights.safetensors")


def test_union_iou_of_empty_layers_is_one() -> None:
    """Nothing found where nothing is, is right; anything found there is wrong."""
    nothing, something = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    assert union_iou(nothing, nothing) == 1
    assert union_iou(something, nothing) == 0
    assert union_iou(something, np.ones((4, 4), bool)) == 0.25


def test_the_chosen_thresholds_are_the_strictest_that_keep_the_score() -> None:
    """A model that predicts 0.68 for its right masks gets the highest tried IoU below that."""
    case = Case("oracle", picture(truth(), -0.4), truth(), grid_of(truth().shape))
    chosen = suitable_thresholds([case], Oracle(truth(), iou=0.68, tells=True), SegmentThresholds())
    assert chosen.min_iou == 0.65
    table, masks = compare([case], Oracle(truth(), iou=0.68, tells=True), chosen)
    assert table["oracle"]["promptable"] > 0.9
    assert table["oracle"]["anomalies"] == table["oracle"]["anomalies prompted"] == 0
    assert union_iou(masks[0], truth()) == pytest.approx(table["oracle"]["automatic"])
    strict = replace(chosen, min_iou=0.9)
    refused = compare([case], Oracle(truth(), iou=0.68, tells=True), strict)[0]["oracle"]
    assert (refused["anomalies"], refused["anomalies prompted"]) == (0, 1)
