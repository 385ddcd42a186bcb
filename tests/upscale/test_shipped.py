"""The bundle that comes with the program, on virtual builds that it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.config import UpscaleSettings
from monitor.devices.simulated import Pair, SceneSpec, render_pair
from monitor.domain import PlateGrid
from monitor.inference import Bundle, default_models_dir, find_bundle
from monitor.metrics import ncvd
from monitor.upscale import Upscaler

GRID = PlateGrid((-12.75, -12.75), 100.0, (256, 256))


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    """The default bundle with the default settings."""
    settings = UpscaleSettings(threads=1)
    return Upscaler.load(Bundle.load(find_bundle(default_models_dir(), settings.bundle)), settings)


@pytest.fixture(scope="module", params=[950_003, 950_017])
def pair(request: pytest.FixtureRequest) -> Pair:
    """A layer of a build whose seed is in neither the training nor the validation set."""
    return render_pair(SceneSpec.random(request.param, grid=GRID), 20, GRID)


def test_it_is_nearer_to_the_camera_than_the_webcam_is(upscaler: Upscaler, pair: Pair) -> None:
    """On an unseen build the picture has a smaller error and a nearer texture than the webcam's image."""
    made = upscaler.upscale(pair.lr, 0)
    mae = {name: np.abs(image.astype(float) - pair.hr).mean() for name, image in (("sr", made.image), ("lr", pair.lr))}
    texture = {name: ncvd(image, pair.hr) for name, image in (("sr", made.image), ("lr", pair.lr))}
    assert mae["sr"] < mae["lr"]
    assert texture["sr"] is not None
    assert texture["lr"] is not None
    assert texture["sr"] < texture["lr"]


def test_it_fits_into_a_checkout() -> None:
    """All files of the bundle together are small."""
    bundle = Bundle.load(find_bundle(default_models_dir(), UpscaleSettings().bundle), self_test=False)
    assert sum(bundle.path(role).stat().st_size for role in bundle.manifest.files) < 8e6


def test_its_numbers_are_in_its_manifest() -> None:
    """For each look: SR, the webcam as it is and in the other's tone, and an autoencoder's ceiling where it has one."""
    bundle = Bundle.load(find_bundle(default_models_dir(), UpscaleSettings().bundle), self_test=False)
    metrics = bundle.manifest.metrics
    ceiling = ("autoencoder",) if bundle.manifest.kind == "latent-diffusion" else ()
    for look in ("default", "varied"):
        for method in ("sr", "lr", "lr_toned", *ceiling):
            assert {"mae", "psnr", "ssim", "ncvd"} <= set(metrics[f"{look}_{method}"])
        assert metrics[f"{look}_sr"]["mae"] < metrics[f"{look}_lr"]["mae"]
        assert metrics[f"{look}_sr"]["psnr"] > metrics[f"{look}_lr"]["psnr"]
        assert metrics[f"{look}_sr"]["ncvd"] < metrics[f"{look}_lr"]["ncvd"]
