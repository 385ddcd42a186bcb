"""Finding how far a spread must be widened, on ensembles whose error is known, and writing it into a bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import UpscaleSettings
from monitor.domain import BundleError
from monitor.inference import Bundle, SpreadTable
from monitor.learn.bundling import write_bundle
from monitor.learn.comparing import Case
from monitor.learn.recipe import PixelTraining
from monitor.learn.trained import untrained
from monitor.learn.widening import Ensemble, calibrate_bundle, covered, fitted
from monitor.upscale import Quality, Upscaler
from tests.inference.small import make_bundle

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


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, pixel_recipe: PixelTraining) -> Path:
    """A bundle of random weights that says nothing of its spread."""
    return write_bundle(untrained(pixel_recipe), tmp_path_factory.mktemp("bundle"), {}, {}, {})


@pytest.fixture
def directory(exported: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(exported, tmp_path / exported.name)


def layers(count: int) -> list[Case]:
    """Layers of noise, the webcam's image half as bright."""
    hr = np.random.default_rng(0).integers(0, 256, (count, 64, 64), dtype=np.uint8)
    return [Case("noise", picture // 2, picture, np.zeros(picture.shape, bool)) for picture in hr]


def test_a_bundle_says_what_it_was_measured_to_need(directory: Path) -> None:
    """The manifest carries factor and floor, and the product's spread follows; the pictures stay the same."""
    wanted = UpscaleSettings(steps=2, samples=3, threads=1)
    before = Upscaler.load(Bundle.load(directory), wanted).upscale(layers(1)[0].lr, 0)
    found, anchored = calibrate_bundle(directory, layers(4), "noise", sizes=(2, 4))
    bundle = Bundle.load(directory)
    upscaler = Upscaler.load(bundle, wanted)
    after = upscaler.upscale(layers(1)[0].lr, 0)
    assert (bundle.manifest.spread, bundle.manifest.anchored_spread) == (found, anchored)
    assert before.widening == (1, 0)
    assert after.widening == (found.factor[0], found.floor[0]), "three members take what two of them needed"
    looked = Upscaler.load(bundle, wanted.model_copy(update={"tone": (1.0, 0.0)}))
    assert looked.widening == (anchored.factor[0], anchored.floor[0]), "with a look, what was measured with one"
    np.testing.assert_allclose(after.spread, np.hypot(found.factor[0] * before.spread, found.floor[0]), atol=1e-5)
    np.testing.assert_array_equal(after.image, before.image)
    alone = upscaler.upscale(layers(1)[0].lr, 0, Quality(2, 1))
    assert alone.widening == (1, 0)
    assert not alone.spread.any(), "one member has no spread"


def test_a_bundle_is_measured_the_same_again(directory: Path) -> None:
    """What was found before does not count: the same layers give the same factor."""
    first = calibrate_bundle(directory, layers(4), "noise", sizes=(2,))
    assert calibrate_bundle(directory, layers(4), "noise", sizes=(2,)) == first


def test_what_draws_no_ensemble_cannot_be_calibrated(tmp_path: Path) -> None:
    """A regression's samples are all the same: an error says so."""
    with pytest.raises(BundleError, match="all the same"):
        calibrate_bundle(make_bundle(tmp_path), layers(2), "noise")


@pytest.mark.parametrize(
    ("samples", "factor", "words"), [((2, 4), (1.0,), "one number for each"), ((4, 2), (1.0, 1.0), "ascending")]
)
def test_a_manifest_with_odd_numbers_is_refused(
    samples: tuple[int, ...], factor: tuple[float, ...], words: str
) -> None:
    """A size without its factor, or sizes in no order: the error says which."""
    count = len(samples)
    with pytest.raises(ValueError, match=words):
        SpreadTable(samples=samples, factor=factor, floor=(0.0,) * count, coverage=(0.9,) * count, source="noise")
