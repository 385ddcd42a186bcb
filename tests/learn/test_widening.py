"""Finding how far a spread must be widened, on ensembles whose error is known, and writing it into a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import UpscaleSettings
from monitor.domain import BundleError
from monitor.inference import Bundle
from monitor.learn.bundling import write_bundle
from monitor.learn.comparing import Case
from monitor.learn.recipe import PixelTraining, RegressionTraining
from monitor.learn.trained import untrained
from monitor.learn.widening import Ensemble, calibrate_bundle, covered, fitted
from monitor.upscale import Upscaler

N = 40_000


def ensemble(samples: int, boast: float, shared: float, seed: int = 0) -> Ensemble:
    """Members `boast` times too narrow, all of which are wrong by one more draw of deviation `shared` a pixel."""
    rng = np.random.default_rng(seed)
    centre, width = rng.uniform(0.3, 0.7, N), rng.uniform(0.01, 0.08, N)
    members = centre + width / boast * rng.standard_normal((samples, N))
    truth = centre + width * rng.standard_normal(N) + shared * rng.standard_normal(N)
    return Ensemble(truth, members.mean(axis=0), members.std(axis=0, ddof=1))


@settings(max_examples=8, deadline=None)
@given(samples=st.integers(2, 12), boast=st.floats(0.7, 3), shared=st.floats(0, 0.1))
def test_widened_intervals_hold_nine_tenths_of_what_was_not_fitted(samples: int, boast: float, shared: float) -> None:
    """However sure an ensemble is, and whatever all its members miss, 90 % intervals then hold 87 to 93 %."""
    factor, floor = fitted(ensemble(samples, boast, shared), samples)
    assert covered(ensemble(samples, boast, shared, seed=1), samples, factor, floor) == pytest.approx(0.9, abs=0.03)


def test_what_is_wrong_alike_in_all_members_becomes_a_floor() -> None:
    """Where members agree and are wrong together no factor would do; without such an error the floor stays small."""
    assert fitted(ensemble(8, 1, 0.08), 8)[1] == pytest.approx(0.08, rel=0.4)
    factor, floor = fitted(ensemble(8, 2, 0.0), 8)
    assert floor < 0.02
    assert 1.4 < factor < 2.1


def layers(count: int) -> list[Case]:
    """Layers of noise, the webcam's image half as bright."""
    hr = np.random.default_rng(0).integers(0, 256, (count, 64, 64), dtype=np.uint8)
    return [Case("noise", picture // 2, picture, np.zeros(picture.shape, bool)) for picture in hr]


def test_a_bundle_says_what_it_was_measured_to_need(tmp_path: Path, pixel_recipe: PixelTraining) -> None:
    """The manifest carries factor and floor, and the product's spread follows; the pictures stay the same."""
    directory = write_bundle(untrained(pixel_recipe), tmp_path, {}, {}, {})
    wanted = UpscaleSettings(steps=2, samples=3, threads=1)
    before = Upscaler.load(Bundle.load(directory), wanted).upscale(layers(1)[0].lr, 0)
    found = calibrate_bundle(directory, layers(4), "noise", samples=3)
    bundle = Bundle.load(directory)
    after = Upscaler.load(bundle, wanted).upscale(layers(1)[0].lr, 0)
    assert bundle.manifest.spread == found
    assert before.widening == (1, 0)
    assert after.widening == (found.factor, found.floor)
    np.testing.assert_allclose(after.spread, np.hypot(found.factor * before.spread, found.floor), atol=1e-5)
    np.testing.assert_array_equal(after.image, before.image)


def test_a_bundle_is_measured_the_same_again(tmp_path: Path, pixel_recipe: PixelTraining) -> None:
    """What was found before does not count: the same layers give the same factor."""
    directory = write_bundle(untrained(pixel_recipe), tmp_path, {}, {}, {})
    first = calibrate_bundle(directory, layers(4), "noise", samples=2)
    assert calibrate_bundle(directory, layers(4), "noise", samples=2) == first


def test_what_draws_no_ensemble_cannot_be_calibrated(tmp_path: Path, regression_recipe: RegressionTraining) -> None:
    """A regression's samples are all the same: an error says so."""
    directory = write_bundle(untrained(regression_recipe), tmp_path, {}, {}, {})
    with pytest.raises(BundleError, match="all the same"):
        calibrate_bundle(directory, layers(2), "noise")
