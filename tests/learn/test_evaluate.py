"""What is measured of a trained model, and the card that says it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.learn.card import write_card
from monitor.learn.evaluate import evaluate, match_tone, super_resolve
from monitor.learn.measuring import spectral_distance_db
from monitor.learn.plates import Plates
from monitor.learn.recipe import DiffusionTraining
from monitor.learn.trained import TrainedDiffusion

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def results(recipe: DiffusionTraining, plates: Plates) -> dict[str, dict[str, float]]:
    """Numbers of an untrained model."""
    torch.manual_seed(0)
    return evaluate(TrainedDiffusion.untrained(recipe), plates, CPU)


def test_every_method_is_measured_for_every_look(results: dict[str, dict[str, float]]) -> None:
    """LR, LR in HR's tone, the autoencoder and SR, on default and varied builds, with every number."""
    methods = ("lr", "lr_toned", "autoencoder", "sr")
    assert set(results) == {f"{look}_{method}" for look in ("default", "varied") for method in methods}
    for row in results.values():
        assert {"mae", "psnr", "ssim", "cvd", "ncvd", "powder_db", "powder_grain", "plates"} <= set(row)
        assert np.isfinite(list(row.values())).all()


def test_tone_alone_makes_half_as_bright_an_image_right(results: dict[str, dict[str, float]]) -> None:
    """Where the webcam differs in gain only, the toned webcam image is the target, and the plain one is not."""
    for look in ("default", "varied"):
        toned, plain = results[f"{look}_lr_toned"], results[f"{look}_lr"]
        assert toned["mae"] < 0.01 < plain["mae"]
        assert toned["ncvd"] < 0.05 < plain["ncvd"]
        assert toned["ssim"] > 0.95
        assert toned["powder_grain"] == pytest.approx(1, abs=0.02)


def test_matched_tone_is_the_least_squares_fit() -> None:
    """A gain and an offset are undone."""
    target = np.random.default_rng(0).uniform(0.2, 0.8, (32, 32)).astype(np.float32)
    np.testing.assert_allclose(match_tone(target * 0.4 + 0.3, target), target, atol=1e-5)


def test_spectral_distance_is_in_decibels() -> None:
    """An image is at 0 dB from itself; half the amplitude is 6 dB away, whatever the mean."""
    image = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    assert spectral_distance_db(image, image) == 0
    assert spectral_distance_db(image / 2 + 5, image) == pytest.approx(6.02, abs=0.05)


def test_samples_come_from_their_seed(recipe: DiffusionTraining, plates: Plates) -> None:
    """The same seed gives the same sample; the size is the image's."""
    torch.manual_seed(0)
    models = TrainedDiffusion.untrained(recipe)
    lr = plates.lr[0].astype(np.float32) / 255
    one, two, other = (super_resolve(models, lr, CPU, seed=seed) for seed in (1, 1, 2))
    assert one.shape == lr.shape
    assert (one == two).all()
    assert (one != other).any()


def test_the_card_says_where_sr_wins_and_where_not(tmp_path: Path, recipe: DiffusionTraining) -> None:
    """A better MAE and a worse SSIM are both said, against each rival by name."""
    row = {"psnr": 20.0, "ssim": 0.5, "ncvd": 1.0}
    results = {"default_sr": row | {"mae": 0.1, "ssim": 0.4}, "default_lr": row | {"mae": 0.2}}
    write_card(tmp_path / "card.md", recipe, results, {"data_sha256": "abc"})
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "default builds, sr against lr: better in mae; worse in psnr, ssim, ncvd." in text
    assert "What SR gains over LR in pixel error is tone" not in text
    assert "`abc`" in text
    assert "samples.png" not in text


def test_the_card_admits_that_tone_alone_does_better(tmp_path: Path, recipe: DiffusionTraining) -> None:
    """Where the toned webcam image has the smaller error, the card says that the gain is tone."""
    results = {"default_sr": {"mae": 0.1}, "default_lr_toned": {"mae": 0.05}, "default_lr": {"mae": 0.3}}
    write_card(tmp_path / "card.md", recipe, results, {}, pictured=True)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "What SR gains over LR in pixel error is tone" in text
    assert "samples.png" in text
